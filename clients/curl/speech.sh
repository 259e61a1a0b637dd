#!/bin/sh
# Speak, listen and look around with curl. Usage: sh speech.sh hello.mp3 [http://localhost:8000]
set -eu
file=$1
base=${2:-http://localhost:8000}/v1

# --fail-with-body: an error ends this script; what it says stands where the answer would.
call() { curl --silent --show-error --fail-with-body "$@"; }
say() { call "$base/audio/speech" -H 'Content-Type: application/json' "$@"; }
hear() { call "$base/audio/transcriptions" -F model=whisper-1 -F "file=@$file" "$@"; }

# A whole file: mp3, opus, aac, flac, wav or pcm.
say -o "$file" \
  -d '{"model": "tts-1", "voice": "alloy", "input": "Hello there, how are you today?", "response_format": "mp3"}'

# While it is being spoken; pipe it into a player instead of a file: ... | ffplay -nodisp -autoexit -
say -N -d '{"input": "These bytes leave as they are made.", "response_format": "wav", "stream": true}' >"${file%.*}.wav"

# As events: pieces of the file in base64. Only the last one says how it ended; without it the speech is not whole.
say -N -d '{"input": "These too.", "response_format": "pcm", "stream_format": "sse"}' >"${file%.*}.events"
sed -n 's/.*"audio": "\([^"]*\)".*/\1/p' "${file%.*}.events" |
  while read -r piece; do echo "$piece" | base64 -d; done >"${file%.*}.pcm"
grep -o '"finish_reason": "[a-z]*"' "${file%.*}.events"

# What is said; as subtitles; with the time of every word; and while it is being recognised.
hear
echo
hear -F response_format=srt
hear -F response_format=verbose_json -F 'timestamp_granularities[]=word'
echo
hear -N -F stream=true

# The same in English, whatever the language.
call "$base/audio/translations" -F model=whisper-1 -F "file=@$file" -F response_format=text

# What is installed.
call "$base/models"
echo
call "$base/audio/voices"
echo
