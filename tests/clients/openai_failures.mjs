// The openai package for Node.js against a server that fails as told; prints what it raised as JSON.
// node openai_failures.mjs http://127.0.0.1:8000/v1 REASON,REASON,...
import OpenAI from 'openai';

const [baseURL, reasons] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 1 });
const say = { model: 'tts-1', voice: 'alloy', response_format: 'pcm' };

async function raised(call) {
  try {
    await call();
    return { kind: null };
  } catch (error) {
    const { status, type, param, code } = error;
    return { kind: error.constructor.name, status, type, param, code, request_id: error.requestID };
  }
}

async function readAll(answer) {
  const pieces = [];
  try {
    for await (const piece of answer.body) pieces.push(piece);
  } catch (error) {
    return { kind: error.constructor.name, num_bytes: Buffer.concat(pieces).length };
  }
  return { kind: null, num_bytes: Buffer.concat(pieces).length };
}

const found = { failures: {}, breaks: {} };
for (const reason of reasons.split(',')) {
  found.failures[reason] = await raised(() => client.audio.speech.create({ ...say, input: reason }));
}
found.long_wait = await raised(() => client.audio.speech.create({ ...say, input: 'LATER' }));
found.hang = await raised(() => client.audio.speech.create({ ...say, input: 'HANG' }, { timeout: 300, maxRetries: 0 }));
found.unknown_model = await raised(() => client.models.retrieve('nobody'));
for (const stream_format of ['audio', 'sse']) {
  found.breaks[stream_format] = await readAll(await client.audio.speech.create({ ...say, input: 'BREAK', stream_format }));
}

const file = new File([new Uint8Array(100)], 'a.wav');
const deltas = [];
found.transcript = await raised(async () => {
  const events = await client.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file, stream: true });
  for await (const event of events) deltas.push(event.delta);
});
found.transcript.deltas = deltas;

console.log(JSON.stringify(found));
