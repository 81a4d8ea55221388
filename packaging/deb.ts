/** `npm run deb`: packs dist/ and a Node into a Debian package, for each kind of machine whose Node is installed here. */

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { debian, makeDeb } from './debian.ts'
import { platforms } from './native.ts'

const project = join(import.meta.dirname, '..')
const destination = resolve(process.argv[2] ?? project)
// Defaults that the man page tells are not those of who builds it.
for (const name of ['STARLING_SOCKET', 'DOCKER_HOST']) delete process.env[name]

for (const { name } of platforms) {
  const node = join(project, 'node_modules', `node-${name}`, 'bin/node')
  if (existsSync(node)) console.log(await makeDeb({ project, destination, platform: name, node }))
  else
    console.error(`deb: none for ${debian[name].architecture}: node-${name} is not installed here`)
}
