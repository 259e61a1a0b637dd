// Speak, listen and look around with the openai package: only baseURL is not OpenAI's.
//
// npm ci && node openai_sdk.js hello.mp3
import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import OpenAI from 'openai';

const TEXT = 'Hello there, how are you today?';
const [path, baseURL = 'http://localhost:8000'] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: 'none' });
const say = { model: 'tts-1', voice: 'alloy', input: TEXT };

// A whole file: mp3, opus, aac, flac, wav or pcm.
async function speak(file) {
  const answer = await client.audio.speech.create({ ...say, response_format: file.split('.').pop() });
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
}

// Bytes of the file while it is still being spoken.
async function speakStreaming(file) {
  const answer = await client.audio.speech.create({ ...say, response_format: 'wav', stream_format: 'audio' });
  await pipeline(answer.body, createWriteStream(file));
}

// The same as events, and how it ended: only a done event says that the speech is whole.
async function speakEvents(file) {
  const answer = await client.audio.speech.create({ ...say, response_format: 'pcm', stream_format: 'sse' });
  const pieces = [];
  for await (const line of createInterface({ input: Readable.fromWeb(answer.body) })) {
    if (!line.startsWith('data: ')) continue;
    const event = JSON.parse(line.slice('data: '.length));
    if (event.type === 'speech.audio.delta') pieces.push(Buffer.from(event.audio, 'base64'));
    else if (event.type === 'speech.audio.done') {
      await writeFile(file, Buffer.concat(pieces));
      return event.finish_reason;
    } else throw new Error(event.error.message);
  }
  throw new Error('the speech broke off');
}

// What is said, as subtitles, with the time of every word, and while it is being recognised.
async function transcribe(file) {
  const hear = (fields) =>
    client.audio.transcriptions.create({ model: 'whisper-1', file: createReadStream(file), ...fields });
  console.log((await hear({})).text);
  console.log(await hear({ response_format: 'srt' }));
  const timed = await hear({ response_format: 'verbose_json', timestamp_granularities: ['word'] });
  console.log(JSON.stringify(timed.words.map(({ word, start }) => [word, start])));
  for await (const event of await hear({ model: 'gpt-4o-transcribe', stream: true })) {
    if (event.type === 'transcript.text.delta') process.stdout.write(event.delta);
  }
  console.log();
}

// The same in English, whatever the language.
async function translate(file) {
  console.log((await client.audio.translations.create({ model: 'whisper-1', file: createReadStream(file) })).text);
}

// What is installed.
async function lookAround() {
  const models = await client.models.list();
  console.log('models:', models.data.map(({ id }) => id).join(' '));
  const voices = await client.get('/audio/voices');
  console.log('voices:', voices.data.map(({ id }) => id).join(' '));
}

await speak(path);
await speakStreaming(path.replace(/\.\w+$/, '.wav'));
console.log(await speakEvents(path.replace(/\.\w+$/, '.pcm')));
await transcribe(path);
await translate(path);
await lookAround();
