/** Why a call is not done, by the codes of the CNI specification. */

const codes = {
  version: 1,
  unsupportedField: 2,
  environment: 4,
  decoding: 6,
  config: 7,
  tryLater: 11,
  unavailable: 50,
  limited: 51,
  /** Ours, for the specification has none: an attachment does not hold what the runtime says that it has. */
  leaseDiffers: 100,
} as const

export class Failure {
  readonly kind: keyof typeof codes
  readonly message: string

  constructor(kind: keyof typeof codes, message: string) {
    this.kind = kind
    this.message = message
  }
}

/** As it is printed, with the version that the configuration speaks. */
export function failureText({ kind, message }: Failure, version: string): string {
  return `${JSON.stringify({ cniVersion: version, code: codes[kind], msg: message })}\n`
}

/**
 * go-cni takes a DEL whose error holds one of these for done, and its caller forgets the container. Our words hold none,
 * and what a configuration says must not bring them in.
 */
export const withoutSwallowedWords = ({ kind, message }: Failure): Failure =>
  new Failure(
    kind,
    message.replace(/not found|no such file/gi, (words) => words.replace(' ', '_')),
  )
