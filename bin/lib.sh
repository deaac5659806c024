# What bin/catena, bin/test, bin/format and bpf/compile share: finding or fetching the tools, and building.
#
# Sourced by bash scripts that set `root` to the repository's directory. Everything here speaks on stderr, in a line for each thing
# done, so that stdout stays the command's own. Nothing here changes a system setting; as root on Debian it installs packages.

set -u

BUILD_LOG=$root/target/build.log
RUN_DIRECTORY=$root/target/run # the jars that bin/catena runs on: replaced by rename, so that a running command keeps its own
STAMP=$root/target/run.stamp   # its time: when the jars were built; its text: the compiler of the BPF programs
LIBBPF_MIN=1.4
CLANG_MIN=19
JAVA_MIN=25

: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
export HOME
LIBBPF_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/catena/libbpf

# File names and arguments are UTF-8, whatever the locale: in the C locale a JVM would read other bytes as question marks.
export LC_ALL=C.UTF-8

say() { printf 'catena: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }
has() { command -v "$1" >/dev/null 2>&1; }
can_install() { is_root && has apt-get; }

# version_at_least HAVE WANT, both like 1.4.6
version_at_least() {
  local -a have want
  IFS=. read -ra have <<<"$1"
  IFS=. read -ra want <<<"$2"
  local i h w
  for i in "${!want[@]}"; do
    h=${have[i]:-0} w=${want[i]}
    h=${h%%[!0-9]*}
    ((${h:-0} > w)) && return 0
    ((${h:-0} < w)) && return 1
  done
  return 0
}

# ---- JDK -------------------------------------------------------------------------------------------------------------------

# jdk_version DIRECTORY prints the version of the JDK there, read from its release file; fails where there is no JDK.
jdk_version() {
  local line
  [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 1
  while read -r line; do
    if [[ $line == JAVA_VERSION=* ]]; then
      line=${line#*=}
      printf '%s\n' "${line//\"/}"
      return 0
    fi
  done <"$1/release"
  return 1
}

# Sets and exports JAVA_HOME to a JDK that is new enough, whatever `java` is first on the PATH.
find_jdk() {
  local candidate version java
  local -a candidates=()
  [ -n "${JAVA_HOME:-}" ] && candidates+=("$JAVA_HOME")
  while read -r java; do
    java=$(readlink -f "$java") && candidates+=("${java%/bin/java}")
  done < <(type -ap java)
  candidates+=(/usr/lib/jvm/* /usr/java/* /opt/java/* /opt/*jdk* /usr/local/*jdk* "$HOME"/.jdks/* "$HOME"/.sdkman/candidates/java/*)
  for candidate in "${candidates[@]}"; do
    version=$(jdk_version "$candidate") || continue
    if version_at_least "$version" $JAVA_MIN; then
      export JAVA_HOME=$candidate
      return 0
    fi
  done
  say "no JDK $JAVA_MIN or newer found: looked at JAVA_HOME, PATH, /usr/lib/jvm, /opt, ~/.jdks and ~/.sdkman"
  fail "install one (Eclipse Temurin or your distribution's openjdk-$JAVA_MIN-jdk), then type: export JAVA_HOME=/path/to/jdk-$JAVA_MIN"
}

# ---- Debian packages -------------------------------------------------------------------------------------------------------

apt_updated=
# install_package NAME WHY, as root with apt only
install_package() {
  say "installing $1 with apt-get, $2"
  mkdir -p "$root/target"
  if DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$1" \
    >"$root/target/apt.log" 2>&1 </dev/null; then
    return 0
  fi
  if [ -z "$apt_updated" ] && apt_update; then
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$1" \
      >"$root/target/apt.log" 2>&1 </dev/null && return 0
  fi
  say "that failed: see target/apt.log"
  return 1
}

apt_update() {
  say "updating apt's package lists"
  apt_updated=yes
  mkdir -p "$root/target"
  apt-get -q -o DPkg::Lock::Timeout=300 update >"$root/target/apt.log" 2>&1 </dev/null
}

# Sets `mirror` to where this machine's apt has Debian from; fails on any other system.
find_mirror() {
  has apt-get && has dpkg-deb && [ -r /etc/os-release ] && [ "$(. /etc/os-release && echo "$ID")" = debian ] || return 1
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | grep '/debian/*$' |
    sort -u | head -n 1)
  [ -n "$mirror" ]
}

# private_apt DIRECTORY SUITE... fetches the package lists of those suites that `mirror` has, with lists, cache and sources of its own:
# the system's apt knows nothing of it. Sets `private`, the options that make apt-get and apt-cache use them. All output is in
# DIRECTORY/apt.log. Fails if apt-get did, which it also does if only one suite is missing.
private_apt() {
  local work=$1 suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  shift
  [ -r $keyring ] && signed="[signed-by=$keyring]"
  rm -rf "$work"/{lists,cache}
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial || return 1
  for suite in "$@"; do
    case $suite in
    *-security) echo "deb $signed ${mirror%/debian*}/debian-security $suite main" ;;
    *) echo "deb $signed $mirror $suite main" ;;
    esac
  done >"$work/sources.list"
  private=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  apt-get "${private[@]}" update >"$work/apt.log" 2>&1 </dev/null
}

# ---- clang -----------------------------------------------------------------------------------------------------------------

# Prints the path of a clang that is new enough for the BPF programs; fails where there is none.
find_clang() {
  local version path
  if [ -n "${CLANG:-}" ]; then
    command -v "$CLANG"
    return
  fi
  for version in $(seq $CLANG_MIN 40); do
    if path=$(command -v "clang-$version"); then
      printf '%s\n' "$path"
      return 0
    fi
    if [ -x "/usr/lib/llvm-$version/bin/clang" ]; then
      printf '%s\n' "/usr/lib/llvm-$version/bin/clang"
      return 0
    fi
  done
  if path=$(command -v clang) && version=$("$path" -dumpversion 2>/dev/null) && version_at_least "$version" $CLANG_MIN; then
    printf '%s\n' "$path"
    return 0
  fi
  return 1
}

# Prints the package of the oldest clang that apt offers and that is new enough.
clang_package() {
  apt-cache search --names-only '^clang-[0-9]+$' 2>/dev/null | awk -v min=$CLANG_MIN '
    { split($1, part, "-"); if (part[2] >= min && (best == 0 || part[2] < best)) best = part[2] }
    END { if (best == 0) exit 1; print "clang-" best }'
}

need_clang() {
  local package
  find_clang >/dev/null && return 0
  if can_install; then
    if package=$(clang_package) || { apt_update && package=$(clang_package); }; then
      install_package "$package" "to compile the BPF programs" && find_clang >/dev/null && return 0
    else
      say "apt offers no clang $CLANG_MIN or newer"
    fi
  fi
  say "no clang $CLANG_MIN or newer: the BPF programs are left out and the user backend runs; to have them, type as root: apt-get install clang-$CLANG_MIN"
  return 1
}

# ---- libbpf ----------------------------------------------------------------------------------------------------------------

# use_libbpf PATH sets `libbpf` to the file itself if it is new enough and everything that it needs is there.
use_libbpf() {
  local file version
  [ -e "$1" ] || return 1
  file=$(readlink -f "$1")
  version=${file##*.so.}
  version_at_least "$version" $LIBBPF_MIN || return 1
  libbpf=$file
}

# Sets `libbpf` to the path of a library that is new enough: CATENA_LIBBPF's, the system's, or the one fetched before.
find_libbpf() {
  local file
  libbpf=
  if [ -n "${CATENA_LIBBPF:-}" ]; then
    use_libbpf "$CATENA_LIBBPF" && return 0
    say "CATENA_LIBBPF is $CATENA_LIBBPF: no libbpf.so of version $LIBBPF_MIN or newer is there"
  fi
  for file in /usr/lib/*-linux-*/libbpf.so.1 /usr/lib64/libbpf.so.1 /usr/lib/libbpf.so.1 /usr/local/lib/libbpf.so.1 \
    "$LIBBPF_CACHE"/root/usr/lib/*/libbpf.so.1; do
    use_libbpf "$file" && return 0
  done
  return 1
}

# Fetches libbpf from a newer Debian suite into the user's cache. Returns 2 where that cannot work, 1 where it did not.
fetch_libbpf() {
  local mirror suite suites work=$LIBBPF_CACHE/work
  local -a private
  find_mirror || return 2
  case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
  bookworm) suites="bookworm-backports trixie" ;;
  bullseye | '') return 2 ;;
  *) suites=$(. /etc/os-release && echo "$VERSION_CODENAME") ;;
  esac
  mkdir -p "$work" || return 1
  (
    flock 8
    find_libbpf && exit 0 # another command fetched it meanwhile
    cd "$work" || exit 1
    for suite in $suites; do
      say "fetching libbpf $LIBBPF_MIN or newer from $suite into $LIBBPF_CACHE"
      rm -rf root ./*.deb
      private_apt "$work" "$suite" &&
        apt-get "${private[@]}" download "libbpf1/$suite" >>apt.log 2>&1 </dev/null &&
        dpkg-deb -x ./libbpf1_*.deb root >>apt.log 2>&1 &&
        libbpf_loads root/usr/lib/*/libbpf.so.1 || continue
      rm -rf "$LIBBPF_CACHE/root" lists cache
      mv root "$LIBBPF_CACHE/root"
      exit 0
    done
    exit 1
  ) 8>"$LIBBPF_CACHE/lock"
}

# libbpf_loads PATH tells whether all that the library needs is on this machine.
libbpf_loads() {
  local missing
  [ -e "$1" ] || return 1
  missing=$(LC_ALL=C ldd "$1" 2>&1 | grep 'not found') || return 0
  say "it needs what is not on this machine: ${missing//$'\n'/,}"
  return 1
}

need_libbpf() {
  local failed=$LIBBPF_CACHE/failed
  if ! find_libbpf; then
    if ! [ -e /usr/lib/"$(uname -m)"-linux-gnu/libelf.so.1 ] && can_install; then
      install_package libelf1 "which libbpf needs" || true
    fi
    # After a failure, not again for an hour: a machine without a network should not wait for it at every start.
    if [ -z "$(find "$failed" -mmin -60 2>/dev/null)" ]; then
      fetch_libbpf
      case $? in
      0) find_libbpf && rm -f "$failed" ;;
      1) say "that failed: see $LIBBPF_CACHE/work/apt.log" && mkdir -p "$LIBBPF_CACHE" && touch "$failed" ;;
      esac
    fi
  fi
  if [ -z "$libbpf" ]; then
    say "no libbpf $LIBBPF_MIN or newer: the user backend runs; to have it, install your distribution's libbpf1 (Debian 12: from bookworm-backports), or type: export CATENA_LIBBPF=/path/to/libbpf.so.1"
    return 1
  fi
}

# ---- Maven -----------------------------------------------------------------------------------------------------------------

need_maven() {
  has mvn && return 0
  can_install && install_package maven "to build" && has mvn && return 0
  fail "no mvn on the PATH, and it is needed to build; type as root: apt-get install maven"
}

# maven ARGUMENTS... Maven's own libraries use sun.misc.Unsafe, which a JDK warns of; a HOME that is not the account's is respected.
maven() {
  (cd "$root" && MAVEN_OPTS="--sun-misc-unsafe-memory-access=allow -Duser.home=$HOME ${MAVEN_OPTS:-}" \
    mvn -B --no-transfer-progress "$@" </dev/null)
}

# build ARGUMENTS... runs Maven with its output in a log of which only the errors are shown.
build() {
  mkdir -p "$root/target"
  if ! maven "$@" >"$BUILD_LOG" 2>&1; then
    if grep -q -E '^\[ERROR\]|error:' "$BUILD_LOG"; then
      grep -E '^\[ERROR\]|^  |error:' "$BUILD_LOG" |
        grep -v -E 'Help 1|e-run Maven|the full stack|the following articles|resume the build|mvn <args>|^\[ERROR\] *$' | head -n 60 >&2
    else
      tail -n 20 "$BUILD_LOG" >&2
    fi
    say "the build failed: all of its output is in target/build.log"
    return 1
  fi
}

# ---- What bin/catena runs on -----------------------------------------------------------------------------------------------

# The text of a stamp: the BPF programs are built anew when a compiler appears or changes.
stamp_text() { echo "clang=$(find_clang || echo none)"; }

# Tells whether something that goes into the jars is newer than they are. A removed file makes its directory newer.
is_stale() {
  [ -e "$STAMP" ] && [ "$(<"$STAMP")" = "$(stamp_text)" ] || return 0
  [ -n "$(cd "$root" && find pom.xml .mvn bpf/compile ./*/pom.xml ./*/src/main -newer "$STAMP" -print -quit)" ]
}

# Puts the jars that Maven made where bin/catena runs them. The argument: a file made before the build began.
install_run() {
  local jar
  mkdir -p "$RUN_DIRECTORY"
  rm -f "$RUN_DIRECTORY"/*.new
  for jar in "$root"/{bpf,io,engine,bench,compare}/target/catena-*.jar; do
    cp "$jar" "$RUN_DIRECTORY/${jar##*/}.new" && mv "$RUN_DIRECTORY/${jar##*/}.new" "$RUN_DIRECTORY/${jar##*/}" || return 1
  done
  for jar in "$RUN_DIRECTORY"/*.jar; do
    [[ ${jar##*/} == catena-* ]] || [ -e "$root/compare/target/lib/${jar##*/}" ] || rm -f "$jar"
  done
  for jar in "$root"/compare/target/lib/*.jar; do
    [ -e "$RUN_DIRECTORY/${jar##*/}" ] || ln "$jar" "$RUN_DIRECTORY/" 2>/dev/null || cp "$jar" "$RUN_DIRECTORY/" || return 1
  done
  stamp_text >"$1" && touch -r "$1.begun" "$1" && mv "$1" "$STAMP" && rm -f "$1.begun"
}

# Two commands do not build at once: the second waits, and then finds everything built.
lock_build() {
  mkdir -p "$root/target"
  exec 9>"$root/target/lock"
  if ! flock -n 9; then
    say "waiting for another build to end"
    flock 9
  fi
}
unlock_build() { exec 9>&-; }

# Builds what bin/catena runs on if it is missing or stale.
need_run() {
  is_stale || return 0
  lock_build
  if is_stale; then
    need_maven
    need_clang || true
    say "building with $JAVA_HOME"
    [ -e "$RUN_DIRECTORY" ] || say "the first build may download libraries, which takes a minute or two"
    touch "$STAMP.new.begun"
    build -q -Dfast -Dmaven.test.skip=true package 9>&- && install_run "$STAMP.new" || exit 1
  fi
  unlock_build
}
