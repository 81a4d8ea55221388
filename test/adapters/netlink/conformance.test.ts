/** The real kernel does what every `Kernel` must do. */

import { kernelConformance } from '../../conformance/kernel.ts'
import { makeHost } from './host.ts'
import { inNamespace } from './in-namespace.ts'

if (await inNamespace(import.meta.url)) kernelConformance('rtnetlink', makeHost)
