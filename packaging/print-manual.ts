/** `npm run --silent man`: prints the man page. */

import { manual } from './manual.ts'

process.stdout.write(manual(new Date()))
