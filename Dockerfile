# The image of starling. Builds with BuildKit and with the classic builder of Docker 20.10:
#   docker build -t starling .
# BASE is any Debian image with Node 24 or later and npm.
ARG BASE=node:24-bookworm-slim

FROM ${BASE} AS build
# Not empty: dist, its manifest and that one's node_modules are in the build context, and no registry is asked (docs/containers.md).
ARG PREPARED=
WORKDIR /opt/starling
# For native/, whose programs are static: the image holds no compiler.
RUN [ -n "$PREPARED" ] || command -v cc > /dev/null || { apt-get update -qq \
    && apt-get install -qq --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*; }
COPY package.json package-lock.json ./
RUN [ -n "$PREPARED" ] || npm ci --no-audit --no-fund
COPY . .
# Beside the bundle stay the packages that it does not hold.
RUN [ -n "$PREPARED" ] || { npm run build && npm run --silent manifest > /tmp/package.json \
    && mv /tmp/package.json . && npm prune --omit=dev --no-audit --no-fund; }

# For the settings masquerade and openForward; a base that has them already asks nobody.
RUN [ -n "$PREPARED" ] || command -v nft > /dev/null || { apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends nftables iptables; }

# What runs: node, a shell, nft and iptables where the base has them, the libraries that they load, starling.
RUN set -eu; \
    find node_modules \( -name '*.ts' -o -name '*.map' -o -name '*.md' \) -delete; \
    find node_modules -path '*/prebuilds/*' -type d ! -name "linux-$(node -p process.arch)" -exec rm -rf {} +; \
    rm -rf node_modules/.bin; \
    find node_modules -type d -empty -delete; \
    mkdir -p /image/etc /image/tmp /image/usr/local/bin /image/run/starling /image/var/lib/starling; \
    programs="$(command -v node) /bin/sh /usr/bin/env"; \
    for name in nft iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do \
        for each in "$name" "$name-save" "$name-restore"; do \
            if path=$(command -v "$each"); then programs="$programs $path"; fi; \
        done; \
    done; \
    extensions=$(find /usr/lib -path '*/xtables/*.so'); \
    libraries=$(ldd $programs $(find node_modules -name '*.node') | grep -oE '/[^ :]+\.so[^ :]*' | sort -u); \
    cp -L --parents $programs $libraries $extensions /image; \
    cp -R --parents /opt/starling/package.json /opt/starling/LICENSE /opt/starling/dist /opt/starling/node_modules /image; \
    ln -s /opt/starling/dist/starling.js /image/usr/local/bin/starling; \
    echo 'root:x:0:0:root:/:/bin/sh' > /image/etc/passwd; \
    echo 'root:x:0:' > /image/etc/group; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    chroot /image starling help route-alien | grep -q '^Cause'; \
    chroot /image node -e 'require("/opt/starling/node_modules/netlink")'

# The root is read-only when it runs: what the first start would keep compiled is made here. Without /proc an agent ends.
RUN chroot /image starling status 2> /dev/null; \
    chroot /image starling agent 2> /dev/null; \
    test -d /image/opt/starling/dist/cache

FROM scratch
COPY --from=build /image /
VOLUME /var/lib/starling
EXPOSE 7871 5353/udp
# A check starts a process and costs about 0.3 s of CPU: not too often.
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=3 \
    CMD ["starling", "status", "--wait", "--timeout", "5"]
ENTRYPOINT ["starling"]
CMD ["agent"]
