/** `npm run --silent manifest`: prints the manifest that goes with dist/. */

import { join } from 'node:path'
import { printed, shippedManifest } from './manifest.ts'

process.stdout.write(printed(await shippedManifest(join(import.meta.dirname, '..'))))
