# syntax=docker/dockerfile:1
# digitmint on Node. The first stage bundles the server; the second holds a Node, the bundle, its wasm and the bundled model's
# weights, and nothing else: see docs/self-host.md. dev/build-image.sh builds and runs it without Docker.

FROM node:22.23.2-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# No install script runs: see .npmrc.
RUN npm ci --no-audit --no-fund
COPY . .
RUN node dev/build/main.ts server /app

FROM node:22.23.2-alpine
WORKDIR /app
COPY --from=build /app ./
# It writes nothing, so it may run with --read-only.
# The user `node` of that image.
USER 1000:1000
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787
EXPOSE 8787
# 200 as long as some model serves.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# node itself, so that it gets SIGTERM; Docker waits 10 seconds, GRACE_SECONDS are 8.
CMD ["node", "server.js"]
