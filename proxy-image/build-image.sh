#!/bin/bash
# Builds the proxy's OCI image without a daemon and, when cargo has the crates, without the network.
# usage: build-image.sh OUT.tar        an OCI archive, by buildah
#        build-image.sh --stage DIR    only the folder that the Containerfile copies, for another builder
# Needs `npm ci` (for Bun) and glibc; PORTREEVE_BUN names another Bun. rustls/build.sh makes the rustls library, which takes
# minutes: PORTREEVE_RUSTLS names one that it made before, or is `off` for an image without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '3,4p' "$0" >&2; exit 2; }

stage() {
  local root bun=${PORTREEVE_BUN:-} rustls library contents version lists=()
  root=$(mkdir -p "$1" && cd "$1" && pwd)
  [ -n "$bun" ] || bun=$(ls "$here"/../node_modules/@oven/bun-*/bin/bun | head -n 1)
  mkdir -p "$root/usr/local/bin" "$root/app" "$root/etc"
  install -m 755 "$bun" "$root/usr/local/bin/bun"
  rustls=${PORTREEVE_RUSTLS:-}
  if [ -z "$rustls" ]; then
    "$here/rustls/build.sh" "$work/rustls"
    rustls=$work/rustls/libportreeve_rustls.so
  fi
  if [ "$rustls" != off ]; then
    install -D -m 755 "$rustls" "$root/usr/lib/portreeve/libportreeve_rustls.so"
    # What is linked into it: without this the list of contents would be short of it, so it must be there.
    lists=("${rustls%.so}.list")
  fi
  # What is bundled, for the list of contents; in the repository, because its paths are relative to there.
  contents=$(mktemp)
  version=$("$bun" -p "require('$here/../package.json').version")
  (cd "$here/.." && "$bun" build --target=bun --minify --metafile="$contents" \
    --define PORTREEVE_BUNDLED_VERSION="\"$version\"" --outfile="$root/app/proxy.js" "$here/main.ts" >/dev/null)
  # Each library where the loader looks for it: at the path at which it is here.
  for library in "$bun" "$root"/usr/lib/portreeve/*.so; do
    [ ! -e "$library" ] || ldd "$library"
  done | awk '/=> \//{print $3} /^\t\/lib/{print $1}' | sort -u | while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done
  # glibc resolves names through these, which ldd does not show.
  for library in /lib/*-linux-gnu/libnss_{dns,files}.so.2 /lib/*-linux-gnu/libresolv.so.2; do
    [ ! -e "$library" ] || install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done
  echo 'nonroot:x:65532:65532:nonroot:/app:/sbin/nologin' >"$root/etc/passwd"
  echo 'nonroot:x:65532:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  (cd "$here/.." && "$bun" "$here/sbom.ts" "$root" "$contents" "${lists[@]}") >"$contents.list"
  mv "$contents.list" "$root/app/sbom.cdx.json" && rm "$contents"
  chmod 644 "$root"/etc/* "$root"/app/*
  # The same files make the same image.
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case ${1:-} in
  --stage) [ $# -eq 2 ] || usage; stage "$2" ;;
  "" | -*) usage ;;
  *)
    stage "$work/root"
    export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
    store=(--root "$work/store" --runroot "$work/run")
    buildah "${store[@]}" build --quiet --format oci --timestamp "$SOURCE_DATE_EPOCH" --file "$here/Containerfile" \
      --tag portreeve-proxy "$work/root" >/dev/null
    buildah "${store[@]}" push --quiet portreeve-proxy "oci-archive:$1:portreeve-proxy"
    ;;
esac
