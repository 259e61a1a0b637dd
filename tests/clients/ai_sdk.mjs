// Vercel's AI SDK with its OpenAI provider, which checks every field of an answer; prints what it got as JSON.
// node ai_sdk.mjs http://127.0.0.1:8000/v1 "What to say."
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateSpeech, transcribe } from 'ai';

const [baseURL, text] = process.argv.slice(2);
const provider = createOpenAI({ baseURL, apiKey: 'none' });
const say = { text, voice: 'alloy', maxRetries: 0 };
const { audio, warnings } = await generateSpeech({ ...say, model: provider.speech('gpt-4o-mini-tts'), speed: 1.2 });

async function hear(model, openai) {
  const options = { audio: audio.uint8Array, maxRetries: 0, providerOptions: { openai } };
  const answer = await transcribe({ ...options, model: provider.transcription(model) });
  return { text: answer.text, segments: answer.segments, language: answer.language };
}

async function refusal(voice) {
  try {
    await generateSpeech({ ...say, model: provider.speech('tts-1'), voice });
    return null;
  } catch (error) {
    return { is_api_error: APICallError.isInstance(error), status: error.statusCode, is_retryable: error.isRetryable };
  }
}

const chunkingStrategy = { type: 'server_vad', silenceDurationMs: 700 };
console.log(
  JSON.stringify({
    spoken: { media_type: audio.mediaType, num_bytes: audio.uint8Array.length, warnings },
    verbose: await hear('whisper-1', { timestampGranularities: ['word'] }),
    plain: await hear('gpt-4o-transcribe', { language: 'en', temperature: 0, chunkingStrategy }),
    refused: await refusal('nobody'),
  }),
);
