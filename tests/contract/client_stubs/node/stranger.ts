// A caller who has nothing of ours but the .proto files: all three conversations from TypeScript.
// node stranger.js HOST:PORT PROTO_FOLDER; prints one JSON object.
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";

const RATE_HZ = 16000;
const TIMEOUT_MS = 60_000;
const PIECE_BYTES = 6400;

type Message = Record<string, any>;
type Stream = grpc.ClientDuplexStream<Message, Message>;
type Found = Record<string, unknown>;

const [target, protoFolder] = process.argv.slice(2);

function stub(name: string): Message {
  const files = ["synthesis", "transcription", "conversation"].map((file) => `antiphon/speech/v1/${file}_service.proto`);
  const definition = loader.loadSync(files, { includeDirs: [protoFolder], keepCase: true, enums: String, oneofs: true });
  const root = grpc.loadPackageDefinition(definition) as Message;
  return new root.antiphon.speech.v1[name](target, grpc.credentials.createInsecure());
}

function open(service: Message, method: string): Stream {
  return service[method](new grpc.Metadata(), { deadline: Date.now() + TIMEOUT_MS });
}

function follow(stream: Stream, take: (message: Message) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on("data", take);
    stream.on("error", reject);
    stream.on("end", resolve);
  });
}

function sendAudio(stream: Stream, audio: Buffer): void {
  for (let start = 0; start < audio.length; start += PIECE_BYTES) {
    stream.write({ audio: audio.subarray(start, start + PIECE_BYTES) });
  }
}

// Two utterances; the second is written only after the first was heard.
async function synthesize(): Promise<[Found, Buffer]> {
  const stream = open(stub("SynthesisService"), "Synthesize");
  const kinds: string[] = [];
  const audio: Buffer[] = [];
  stream.write({ config: { format: { sample_rate_hz: RATE_HZ } } });
  stream.write({ text: { text: "The sun is warm today." } });
  stream.write({ flush: {} });
  await follow(stream, (message) => {
    kinds.push(message.response);
    if (message.response !== "audio") return;
    audio.push(message.audio.data);
    if (audio.length === 1) {
      stream.write({ text: { text: "The water is cold." } });
      stream.write({ finish: {} });
      stream.end();
    }
  });
  const sound = Buffer.concat(audio);
  return [{ kinds, num_audio_bytes: sound.length }, sound];
}

// The same sound in small pieces.
async function transcribe(audio: Buffer): Promise<Found> {
  const stream = open(stub("TranscriptionService"), "Transcribe");
  const kinds: string[] = [];
  const finals: string[] = [];
  stream.write({ config: { format: { sample_rate_hz: RATE_HZ }, language: "en" } });
  sendAudio(stream, audio);
  stream.write({ flush: {} });
  stream.write({ finish: {} });
  stream.end();
  await follow(stream, (message) => {
    kinds.push(message.response);
    if (message.response === "final") finals.push(message.final.text ?? "");
  });
  return { kinds, text: finals.join(" ") };
}

// A typed turn, then a spoken one after its reply.
async function converse(audio: Buffer): Promise<Found> {
  const stream = open(stub("ConversationService"), "Converse");
  const kinds: string[] = [];
  const replies: string[] = [];
  const finals: string[] = [];
  let numAudioBytes = 0;
  const transcription = { format: { sample_rate_hz: RATE_HZ }, language: "en" };
  stream.write({ config: { transcription, chat_sampling: { max_tokens: 16 } } });
  stream.write({ text_turn: { text: "Hello, who are you?" } });
  await follow(stream, (entry) => {
    kinds.push(entry.event);
    if (entry.event === "audio") numAudioBytes += entry.audio.data.length;
    if (entry.event === "final") finals.push(entry.final.text ?? "");
    if (entry.event !== "reply_done") return;
    replies.push(entry.reply_done.text ?? "");
    if (replies.length === 1) {
      sendAudio(stream, audio);
      stream.write({ end_turn: {} });
      stream.end();
    }
  });
  return { kinds, replies, text: finals.join(" "), num_audio_bytes: numAudioBytes };
}

async function main(): Promise<void> {
  const [spoken, audio] = await synthesize();
  console.log(JSON.stringify({ synthesize: spoken, transcribe: await transcribe(audio), converse: await converse(audio) }));
  process.exit(0); // channels keep the process alive otherwise
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
