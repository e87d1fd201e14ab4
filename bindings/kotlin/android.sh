#!/usr/bin/env bash
# Builds target/strongroom.aar: the classes of the jar and the libraries for Android, aligned to pages of 16 KiB.
# Needs the Android NDK (ANDROID_NDK_HOME), cargo-ndk, the Rust targets below, Maven, zip, unzip.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

targets=(aarch64-linux-android armv7-linux-androideabi x86_64-linux-android i686-linux-android)
missing=()
[ -d "${ANDROID_NDK_HOME-}" ] || missing+=("the Android NDK, at the path in ANDROID_NDK_HOME")
cargo ndk --version >/dev/null 2>&1 || missing+=("cargo-ndk (cargo install cargo-ndk)")
for tool in mvn zip unzip; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
installed="$(rustup target list --installed 2>/dev/null || true)"
for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$installed" || missing+=("the Rust target $target (rustup target add $target)")
done
if [ "${#missing[@]}" -gt 0 ]; then
    printf 'android.sh: missing here: %s\n' "${missing[@]}" >&2
    exit 1
fi

mvn -q package -DskipTests
rm -rf target/aar target/strongroom.aar
mkdir -p target/aar/jni target/aar/classes
# Pages of 16 KiB: what Android 15 and later ask of every library.
export RUSTFLAGS="${RUSTFLAGS-} -C link-arg=-Wl,-z,max-page-size=16384"
(cd ../.. && cargo ndk -t arm64-v8a -t armeabi-v7a -t x86_64 -t x86 -o bindings/kotlin/target/aar/jni \
    build --release -p strongroom-uniffi)
(cd target/aar/classes && unzip -q ../../strongroom-0.1.0.jar -x 'linux-*' 'darwin-*' 'win32-*' && zip -qr ../classes.jar .)
rm -r target/aar/classes
cat >target/aar/AndroidManifest.xml <<'XML'
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="strongroom">
    <uses-sdk android:minSdkVersion="26" />
</manifest>
XML
touch target/aar/R.txt
(cd target/aar && zip -qr ../strongroom.aar .)
# An app adds net.java.dev.jna:jna:5.19.1@aar and kotlinx-coroutines-android beside it.
for library in target/aar/jni/*/libstrongroom_uniffi.so; do
    "$ANDROID_NDK_HOME"/toolchains/llvm/prebuilt/*/bin/llvm-readelf -lW "$library" | awk -v name="$library" \
        '$1 == "LOAD" && $NF != "0x4000" && $NF != "0x10000" { print name ": a segment is aligned to " $NF; bad = 1 } END { exit bad }'
done
echo "target/strongroom.aar is built"
