# Sourced by ./run and ./test with $root set: gives $A1_PYTHON, a Python with every locked package.

venv=$root/.venv
lock=$root/requirements.lock
stamp=$venv/installed.lock
unset PYTHONHOME PYTHONPATH
unset PYTHONDONTWRITEBYTECODE # nine processes load the same modules: compiled once is enough

stop() {
    printf '%s\n' "$*" >&2
    exit 2
}

is_modern() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# A folder copied from elsewhere, or whose Python is gone or was upgraded, cannot be used.
venv_works() {
    "$venv/bin/python" -c 'import os, sys, sysconfig
sys.exit(sys.version_info < (3, 11) or not os.path.isdir(sysconfig.get_path("purelib")))' 2>/dev/null
}

with_uv() {
    uv --version >/dev/null 2>&1 || return 1
    venv_works || uv venv --quiet --clear --python '>=3.11' "$venv" || return 1
    echo 'Installing packages (uv)' >&2
    uv pip sync --python "$venv/bin/python" --require-hashes "$lock"
}

find_python() {
    found=
    for name in python3.13 python3.12 python3.11 python3; do
        is_modern "$name" || continue
        found=$name
        "$name" -c 'import ensurepip, venv' 2>/dev/null && return 0
    done
    return 1
}

# Debian and Ubuntu ship python3 without venv and pip.
add_venv_package() {
    package=$("${found:-false}" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') || package=python3-venv
    command -v apt-get >/dev/null 2>&1 ||
        stop 'Python 3.11 or newer with venv and pip is needed. Install it, or install uv, and try again.'
    [ "$(id -u)" = 0 ] || stop "One package is missing. Type:  sudo apt-get install -y $package"
    echo "Installing $package" >&2
    { apt-get install -y -qq "$package" || { apt-get update -qq && apt-get install -y -qq "$package"; }; } >/dev/null 2>&1 ||
        stop "The package $package could not be installed. Try:  apt-get update && apt-get install -y $package"
}

with_pip() {
    find_python || { add_venv_package && find_python; } || stop 'Python 3.11 or newer with venv and pip is needed.'
    if ! venv_works || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$found" -m venv --clear "$venv" || stop "A virtual environment could not be made in $venv."
    fi
    total=$(grep -c '^[a-z0-9].*==' "$lock")
    log=$venv/install.log
    "$venv/bin/python" -m pip install --require-hashes --no-deps -r "$lock" >"$log" 2>&1 &
    pip=$!
    trap 'kill $pip 2>/dev/null; exit 130' INT TERM
    while kill -0 $pip 2>/dev/null; do
        if grep -q '^Installing collected' "$log"; then
            echo 'Installing packages (pip): unpacking' >&2
        else
            echo "Installing packages (pip): $(grep -c '^Collecting' "$log") of about $total" >&2
        fi
        sleep 2
    done
    trap - INT TERM
    wait $pip || { tail -n 15 "$log" >&2; stop 'The packages could not be installed; the lines above say why.'; }
}

install_packages() {
    with_uv || with_pip
    cp "$lock" "$stamp"
}

compile_translations() {
    for po in "$root"/app/translations/*/LC_MESSAGES/*.po; do
        [ -e "$po" ] || return 0
        [ -n "$(find "${po%.po}.mo" -newer "$po" 2>/dev/null)" ] && continue
        (cd "$root" && "$A1_PYTHON" -m babel.messages.frontend -q compile -d app/translations) >/dev/null
        return
    done
}

if ! venv_works || ! cmp -s "$lock" "$stamp"; then
    install_packages
fi
A1_PYTHON=$venv/bin/python
export A1_PYTHON
compile_translations
