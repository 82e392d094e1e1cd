# syntax=docker/dockerfile:1
# digitmint on Node: see docs/self-host.md. The first stage bundles the server. The second stage
# holds only Node, the bundle, its wasm and the bundled model's weights. dev/build-image.sh builds
# and tests this image without Docker.

FROM node:22.23.2-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# .npmrc blocks the packages' install scripts.
RUN npm ci --no-audit --no-fund
COPY . .
RUN node dev/build/main.ts server /app

FROM node:22.23.2-alpine
WORKDIR /app
COPY --from=build /app ./
# The server writes no files, so the container can run with --read-only.
# 1000 is the user `node` of the base image.
USER 1000:1000
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787
EXPOSE 8787
# /healthz answers 200 as long as a model serves. The server, too, ignores an empty PORT and blanks.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT?.trim() || 8787}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell or npm, node itself gets SIGTERM. Docker kills it 10 seconds later; GRACE_SECONDS
# is 8 by default.
CMD ["node", "server.js"]
