/** Where agent, commands and the CNI plugin meet; on its own because commands load no more than this. */

import { dirname, join, resolve } from 'node:path'

/** Unless they are told otherwise. */
export const defaultSocket = '/run/starling/starling.sock'

/** The plugin's, beside that of the API. */
export const cniSocketBeside = (socket: string): string =>
  join(dirname(resolve(socket)), 'cni.sock')

/** What the plugin must be told of it; undefined: it looks there by itself. */
export function unusualCniSocket(socket: string): string | undefined {
  const path = cniSocketBeside(socket)
  return path === cniSocketBeside(defaultSocket) ? undefined : path
}
