#!/usr/bin/env bash
# Builds what is published: for each target an archive and a Debian package, then checksums and a bill of materials.
#
#   deploy/release.sh                                  both targets, into target/dist
#   deploy/release.sh x86_64-unknown-linux-gnu         one target
#   deploy/release.sh --package x86_64-unknown-linux-gnu FILE
#                                                      only packs a program that was built already
#
# Needs: cargo with the targets (rustup target add …), Node, dpkg-deb, for another processor its linker (Debian:
# gcc-aarch64-linux-gnu), and for the bill of materials: cargo install cargo-cyclonedx.
#
# Two builds of one commit with the same Rust and the same folder give the same files: paths are mapped away, times are
# those of the commit, archives are sorted.
set -euo pipefail
cd "$(dirname "$0")/.."

dist=$PWD/target/dist
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# The name of a target's processor in Debian's words.
architecture() {
    case $1 in
        x86_64-*) echo amd64 ;;
        aarch64-*) echo arm64 ;;
        *) echo "There is no package for $1. There are: x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu." >&2; exit 2 ;;
    esac
}

build() {
    local target=$1
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=${CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER:-aarch64-linux-gnu-gcc}
    RUSTFLAGS="--remap-path-prefix=$PWD=/src --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        cargo build --release --locked --package hookmill --target "$target"
}

# Packs a program as an archive and as a Debian package.
pack() {
    local target=$1 program=$2 debian name folder
    debian=$(architecture "$target")
    name=hookmill-$version-$target
    folder=$(mktemp -d)
    mkdir -p "$dist" "$folder/$name"

    install -m 0755 "$program" "$folder/$name/hookmill"
    install -m 0644 README.md CHANGELOG.md "$folder/$name/"
    install -m 0644 deploy/systemd/hookmill.service deploy/systemd/hookmill.env "$folder/$name/"
    tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        -C "$folder" -cf - "$name" | gzip -n -9 > "$dist/$name.tar.gz"

    local root=$folder/package
    install -D -m 0755 "$program" "$root/usr/bin/hookmill"
    install -D -m 0644 deploy/systemd/hookmill.service "$root/lib/systemd/system/hookmill.service"
    install -D -m 0640 deploy/systemd/hookmill.env "$root/etc/hookmill/hookmill.env"
    install -D -m 0644 CHANGELOG.md "$root/usr/share/doc/hookmill/CHANGELOG.md"
    mkdir -m 0755 "$root/DEBIAN"
    sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$debian/" -e "s/@KIB@/$(du -sk "$root" | cut -f 1)/" \
        deploy/debian/control.in > "$root/DEBIAN/control"
    install -m 0755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN/"
    echo /etc/hookmill/hookmill.env > "$root/DEBIAN/conffiles"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$dist/hookmill_${version}_$debian.deb"
    rm -r "$folder"
}

finish() {
    local sums
    sums=$(cd "$dist" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | sort | xargs sha256sum)
    echo "$sums" > "$dist/SHA256SUMS"
    echo "In $dist:"
    cat "$dist/SHA256SUMS"
}

if [ "${1:-}" = --package ]; then
    [ $# -eq 3 ] || { echo "usage: deploy/release.sh --package TARGET FILE" >&2; exit 2; }
    pack "$2" "$3"
    finish
    exit
fi
[ $# -gt 0 ] || set -- x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
for target in "$@"; do architecture "$target" > /dev/null; done
(cd ui && npm ci --ignore-scripts && npm run build)
for target in "$@"; do
    build "$target"
    pack "$target" "target/$target/release/hookmill"
done
cargo cyclonedx --manifest-path crates/hookmill/Cargo.toml --format json --override-filename "hookmill-$version.cdx"
mv "crates/hookmill/hookmill-$version.cdx.json" "$dist/"
finish
