#!/bin/sh
# Speak in the voice of a recording with curl; the server needs a model that clones, such as Higgs Audio v3.
# Usage: sh clone.sh me.wav "What I say in it." "What I never said." out.mp3 [http://localhost:8000]
set -eu
clip=$1 said=$2 text=$3 file=$4
base=${5:-http://localhost:8000}/v1

# An answer that is no speech is an error in JSON: shown, and not kept under the name of a sound.
speak() {
  out=$1
  shift
  curl --silent --show-error --fail-with-body -o "$out" "$base/audio/speech" "$@" ||
    { cat "$out" >&2; rm -f "$out"; exit 1; }
}

# As a form: the file is uploaded as it is.
speak "$file" -F "ref_audio=@$clip" --form-string "ref_text=$said" --form-string "input=$text" \
  --form-string "response_format=${file##*.}"

# As JSON: the file in base64. Streamed, and repeatable: the same seed gives the same samples.
printf '{"input": "And again.", "ref_audio": "%s", "seed": 7, "stream": true, "response_format": "wav"}' \
  "$(base64 <"$clip" | tr -d '\n')" |
  speak "${file%.*}.streamed.wav" -H 'Content-Type: application/json' -d @-

echo "spoken: $file, ${file%.*}.streamed.wav"
