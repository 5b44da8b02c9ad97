#!/bin/bash
# SPDX-License-Identifier: MIT
#
# corpus.sh DIR KEEP NAME...: the committed corpus of each fuzzer anew, from what it was and
# what fuzzing has kept: few and small files that cover most. Files with a name of their own
# (a bug that once was) stay as they are; libFuzzer's are named by their checksum.
set -u
dir=$1 keep=$2
shift 2
max_files=${FUZZ_CORPUS_FILES:-48}
max_bytes=${FUZZ_CORPUS_BYTES:-2048}

for f in "$@"; do
	corpus=tests/fuzz/corpus/$f
	all=$dir/$f.all
	new=$dir/$f.corpus
	rm -rf "$new" "$all"
	mkdir -p "$new" "$all" "$corpus" "$keep/$f"
	for from in "$corpus" "$keep/$f"; do
		find "$from" -type f -size -$((max_bytes + 1))c -exec cp -t "$all" {} +
	done
	# greedy: what covers most comes first, so the first ones are the ones to have
	"$dir/$f" -set_cover_merge=1 "$new" "$all" >"$dir/$f.corpus.log" 2>&1 ||
		{ cat "$dir/$f.corpus.log"; exit 1; }
	find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
	find "$new" -type f -printf '%T@ %p\n' | sort -n | head -n "$max_files" |
		cut -d ' ' -f 2- | xargs -r cp -t "$corpus"
	printf '  %-32s %3d files, %6d bytes\n' "$corpus" "$(find "$corpus" -type f | wc -l)" \
		"$(find "$corpus" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }')"
	rm -rf "$new" "$all"
done
