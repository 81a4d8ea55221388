/** A process with a started kernel, which says so and stays until it is killed. */

import { makeKernel } from './host.ts'

await makeKernel().start(() => undefined)
process.stdout.write('started\n')
