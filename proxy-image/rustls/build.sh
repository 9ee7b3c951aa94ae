#!/bin/bash
# Builds the library from what Cargo.lock names. usage: build.sh [--test] DIR (--test: its own tests must pass first)
#   DIR/libportreeve_rustls.so     needs the C library alone
#   DIR/libportreeve_rustls.list   what is linked into it, one line each: package URL, tab, licence
# Needs cargo 1.85 or newer and a C compiler; the network only for crates that cargo has not downloaded before. The same
# sources, compilers and C library make the same bytes, whatever folders they lie in. CARGO_TARGET_DIR keeps what was compiled.
set -euo pipefail
test=
[ "${1:-}" != --test ] || { test=yes && shift; }
[ $# -eq 1 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
for command in cargo cc; do
  command -v "$command" >/dev/null || {
    echo "build.sh: needs $command: a Rust toolchain (https://rustup.rs, or Debian's cargo from 1.85) and a C compiler" >&2
    exit 1
  }
done

work=${CARGO_TARGET_DIR:-}
[ -n "$work" ] || { work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT; }
cd "$here"
# Flags in a person's environment would make other bytes.
unset RUSTFLAGS CFLAGS CARGO_BUILD_TARGET
flags=(
  "--remap-path-prefix=$here=portreeve_rustls"
  "--remap-path-prefix=$work=target"
  "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
  "--remap-path-prefix=$(rustc --print sysroot)=rust"
  # The unwinder before the standard library asks for libgcc_s.so.1, which then nothing needs: the image has one file more, not two.
  -Clink-arg=-Wl,--push-state,--whole-archive,-l:libgcc_eh.a,--pop-state
)
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_DIR="$work"
[ -z "$test" ] || cargo test --release --locked
cargo build --release --locked

{
  cargo tree --locked --edges normal,no-proc-macro --prefix none --format '{p}|{l}' |
    sed -nE 's/^([^ ]+) v([^ |]+)[^|]*\|(.*)$/pkg:cargo\/\1@\2\t\3/p' | sed 's/ (\*)$//' | grep -v '/portreeve_rustls@'
  printf 'pkg:github/rust-lang/rust@%s\tMIT OR Apache-2.0\n' "$(rustc --version | cut -d' ' -f2)"
  printf 'pkg:generic/libgcc_eh@%s\tGPL-3.0-or-later WITH GCC-exception-3.1\n' "$(cc -dumpfullversion)"
} | LC_ALL=C sort -u >"$out/libportreeve_rustls.list"
install -m 755 "$work/release/libportreeve_rustls.so" "$out/libportreeve_rustls.so"
