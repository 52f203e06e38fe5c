#!/bin/sh
# Unpacks a Debian package, and what it depends on that this machine has not, into a folder: a peer's server to measure
# against, installed nowhere and started by nobody but the benchmark. Needs no root.
# Usage: unpack.sh FOLDER PACKAGE
set -eu
folder=$1 package=$2
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
set -- -q -y -o Dir::State::lists="$apt/lists" -o Dir::Cache::archives="$apt/archives" -o Dir::Cache::pkgcache= \
  -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= -o Acquire::Languages=none -o Debug::NoLocking=1
apt-get "$@" update
apt-get "$@" install --download-only --no-install-recommends "$package"
mkdir -p "$folder.partial"
for archive in "$apt"/archives/*.deb; do dpkg-deb -x "$archive" "$folder.partial"; done
rm -rf "$folder"
mv "$folder.partial" "$folder"
