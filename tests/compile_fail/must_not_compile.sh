#!/usr/bin/env bash
# usage: must_not_compile.sh COMPILER CASE.cc FLAGS...; the case's line `// expect: REGEX` must match the compiler's complaint.
set -u
compiler=$1 case=$2
shift 2
expected=$(sed -n 's|^// expect: ||p' "$case")
[ -n "$expected" ] || { echo "$case has no expect line"; exit 1; }
if ! right=$("$compiler" -fsyntax-only -DRIGHT "$@" "$case" 2>&1); then
  echo "the right use does not compile either:"; echo "$right"; exit 1
fi
if wrong=$("$compiler" -fsyntax-only "$@" "$case" 2>&1); then
  echo "the wrong use compiles"; exit 1
fi
grep -Eq "$expected" <<<"$wrong" || { echo "it fails for another reason than '$expected':"; echo "$wrong"; exit 1; }
