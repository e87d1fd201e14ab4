#!/usr/bin/env bash
# Builds .build/StrongroomFFI.xcframework: the static libraries for devices, simulators and Macs, with the header.
# Needs Xcode's command line tools and the Rust targets below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

targets=(aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin)
missing=()
for tool in xcodebuild lipo; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("$tool, of Xcode's command line tools")
done
installed="$(rustup target list --installed 2>/dev/null || true)"
for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$installed" || missing+=("the Rust target $target (rustup target add $target)")
done
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'xcframework.sh: missing here: %s\n' "${missing[@]}" >&2
    exit 1
fi

(cd ../.. && cargo xtask uniffi swift)
for target in "${targets[@]}"; do
    (cd ../.. && cargo build --release -p strongroom-uniffi --target "$target")
done
built="$(cd ../.. && cargo metadata --no-deps --format-version=1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
work=.build/xcframework
rm -rf "$work" .build/StrongroomFFI.xcframework
mkdir -p "$work/headers" "$work/simulator" "$work/mac"
cp Sources/StrongroomFFI/StrongroomFFI.h Sources/StrongroomFFI/module.modulemap "$work/headers"
library=libstrongroom_uniffi.a
lipo -create "$built"/{aarch64-apple-ios-sim,x86_64-apple-ios}/release/$library -output "$work/simulator/$library"
lipo -create "$built"/{aarch64-apple-darwin,x86_64-apple-darwin}/release/$library -output "$work/mac/$library"
xcodebuild -create-xcframework \
    -library "$built/aarch64-apple-ios/release/$library" -headers "$work/headers" \
    -library "$work/simulator/$library" -headers "$work/headers" \
    -library "$work/mac/$library" -headers "$work/headers" \
    -output .build/StrongroomFFI.xcframework
echo ".build/StrongroomFFI.xcframework is built"
