# One image for the API and the worker; the command says which. BuildKit is not needed.
# A Node has the rules of time zones of its day (node -p process.versions.tz): Node 20's end with 2025c.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .npmrc tsconfig.base.json ./
# First only what the lockfile's answer depends on: a change of the sources then installs nothing anew.
COPY packages/redis-scripts/package.json packages/redis-scripts/
COPY packages/debounce/package.json packages/debounce/
COPY packages/fleet/package.json packages/fleet/
COPY packages/service/package.json packages/service/
COPY packages/provisioner-specs/package.json packages/provisioner-specs/
COPY packages/webhooks/package.json packages/webhooks/
COPY apps/api/package.json apps/api/
COPY apps/console/package.json apps/console/
COPY apps/worker/package.json apps/worker/
# The pnpm that package.json names. The compiler is a dependency of the root.
RUN npx --yes "$(node -p "require('./package.json').packageManager")" install --frozen-lockfile
COPY packages packages
COPY apps apps
RUN node_modules/.bin/tsc -b apps/api apps/worker && npm run build --prefix apps/console
# Again, without what only the build needs; sources and build notes stay behind, too.
RUN rm -rf node_modules apps/*/node_modules packages/*/node_modules \
  && CI=true npx --yes "$(node -p "require('./package.json').packageManager")" install --frozen-lockfile --prod --offline \
  && rm -rf apps/*/src packages/*/src apps/*/*.tsbuildinfo packages/*/*.tsbuildinfo \
  && chmod -R a+rX .

FROM ${NODE_IMAGE}
WORKDIR /app
# flock (util-linux) and a POSIX shell are in the base image; the process provisioner needs both.
RUN flock --version && mkdir /workspaces && chown 1000:1000 /workspaces
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/packages packages
COPY --from=build /app/apps apps
# Nothing here is secret: tokens and addresses come with the container.
ENV NODE_ENV=production HOST=0.0.0.0 WORKSPACES_DIR=/workspaces HOME=/tmp
USER 1000:1000
EXPOSE 8080
CMD ["node", "apps/api/dist/main.js"]
