// What the openai package for Node.js gets of everything it can ask; the same in the same form as openai_speech.py.
// node openai_speech.mjs http://127.0.0.1:8000/v1 FOLDER "What to say."
import { createReadStream, writeFileSync } from 'node:fs';
import OpenAI from 'openai';

const [baseURL, folder, text] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'none' });
const say = { model: 'tts-1', voice: 'alloy', input: text, seed: 5 };
const keep = (name, data) => writeFileSync(`${folder}/${name}`, data);
const bytes = async (answer) => Buffer.from(await answer.arrayBuffer());

async function speak() {
  const contentTypes = {};
  for (const response_format of ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']) {
    const answer = await client.audio.speech.create({ ...say, response_format });
    contentTypes[response_format] = answer.headers.get('content-type');
    keep(`whole.${response_format}`, await bytes(answer));
  }
  const pieces = [];
  const streamed = await client.audio.speech.create({ ...say, response_format: 'pcm', stream_format: 'audio' });
  for await (const piece of streamed.body) pieces.push(piece);
  keep('streamed.pcm', Buffer.concat(pieces));

  const answer = await client.audio.speech.create({ ...say, response_format: 'pcm', stream_format: 'sse' });
  const lines = (await answer.text()).split('\n').filter((line) => line);
  const events = lines.map((line) => JSON.parse(line.replace(/^data: /, '')));
  keep('events.pcm', Buffer.concat(events.map(({ audio }) => Buffer.from(audio ?? '', 'base64'))));
  events.forEach((event) => delete event.audio);
  const voice = { voice: { id: 'alloy' }, response_format: 'pcm', speed: 2 };
  keep('fast.pcm', await bytes(await client.audio.speech.create({ ...say, ...voice })));
  return { content_types: contentTypes, num_pieces: pieces.length, events };
}

async function listen(path) {
  const hear = (fields) =>
    client.audio.transcriptions.create({ model: 'whisper-1', file: createReadStream(path), ...fields });
  const events = [];
  const stream = await hear({ model: 'gpt-4o-transcribe', stream: true, include: ['logprobs'] });
  for await (const event of stream) events.push(event);
  return {
    json: await hear({
      language: 'en',
      prompt: 'Weather.',
      temperature: 0,
      chunking_strategy: { type: 'server_vad', silence_duration_ms: 700 },
    }),
    text: await hear({ response_format: 'text' }),
    srt: await hear({ response_format: 'srt' }),
    vtt: await hear({ response_format: 'vtt' }),
    verbose_json: await hear({ response_format: 'verbose_json', timestamp_granularities: ['word', 'segment'] }),
    events,
    translation: await client.audio.translations.create({ model: 'whisper-1', file: createReadStream(path) }),
  };
}

const spoken = await speak();
const heard = await listen(`${folder}/whole.mp3`);
const models = [];
for await (const model of client.models.list()) models.push(model.id);
const model = await client.models.retrieve('whisper-1');
const voices = await client.get('/audio/voices');
console.log(JSON.stringify({ spoken, heard, models, model, voices }));
