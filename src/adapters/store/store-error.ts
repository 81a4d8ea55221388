/** What can be wrong with the state directory, said with the file and the mend. */

export type StoreErrorCode =
  /** Not what any agent wrote: cut short, altered, or another file. */
  | 'damaged'
  /** A newer starling wrote it. */
  | 'newer-version'
  /** An agent with another identity wrote it. */
  | 'foreign-key'
  /** State is there, but the identity that wrote it is not. */
  | 'missing-identity'
  | 'unreadable'
  | 'unwritable'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  readonly file: string
  /** What the operator can do; also the end of the message. */
  readonly mend: string

  constructor(
    code: StoreErrorCode,
    fact: { readonly file: string; readonly what: string; readonly mend: string },
    options?: ErrorOptions,
  ) {
    super(`${fact.file} ${fact.what}: ${fact.mend}`, options)
    this.code = code
    this.file = fact.file
    this.mend = fact.mend
  }
}

export function damaged(file: string, why: string): StoreError {
  return new StoreError('damaged', {
    file,
    what: `is damaged (${why})`,
    mend: restoreOrRemove(file),
  })
}

export function newerVersion(file: string, version: string): StoreError {
  return new StoreError('newer-version', {
    file,
    what: `was written by a newer starling (${version})`,
    mend: `run that version, or ${removeToForget(file)}`,
  })
}

export function foreignKey(file: string, owner: string): StoreError {
  return new StoreError('foreign-key', {
    file,
    what: `belongs to another identity (${owner})`,
    mend: `restore the identity file that it was written with, or ${removeToForget(file)}`,
  })
}

export const unreadable = (file: string, thrown: unknown): StoreError =>
  systemError({ code: 'unreadable', file, verb: 'read', thrown })

export const unwritable = (file: string, thrown: unknown): StoreError =>
  systemError({ code: 'unwritable', file, verb: 'written', thrown })

/** What is wrong with the file of the leases. Nothing is granted then, so that nothing is granted twice. */
export function leaseFileError(code: LeaseFileCode, file: string, fact: string): LeaseFileError {
  return new LeaseFileError(`${file} ${leaseProblems[code](fact)}: ${leaseMends[code]}`)
}

export type LeaseFileCode = 'damaged' | 'newer-version' | 'foreign-key' | 'missing' | 'unreadable'

export class LeaseFileError extends Error {
  override readonly name = 'LeaseFileError'
}

const leaseProblems: Readonly<Record<LeaseFileCode, (fact: string) => string>> = {
  damaged: (why) => `is damaged (${why})`,
  'newer-version': (version) => `was written by a newer starling (${version})`,
  'foreign-key': (owner) => `belongs to another identity (${owner})`,
  missing: () => 'is gone, though addresses were granted',
  unreadable: (why) => `cannot be read (${why})`,
}

const rebuild = 'restore it from a backup, or rebuild it from what runs: starling ip adopt'

const leaseMends: Readonly<Record<LeaseFileCode, string>> = {
  damaged: rebuild,
  'newer-version': 'run that version',
  'foreign-key': `it came with a copied state directory: ${rebuild}`,
  missing: rebuild,
  unreadable: 'check the permissions and the disk',
}

/** The kernel's name of an error, such as ENOSPC; empty for what is no system error. */
export function errorName(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' ? code : ''
}

function systemError(failure: {
  code: StoreErrorCode
  file: string
  verb: string
  thrown: unknown
}): StoreError {
  const { code, file, verb, thrown } = failure
  const name = errorName(thrown) || (thrown instanceof Error ? thrown.message : 'unknown error')
  return new StoreError(
    code,
    { file, what: `cannot be ${verb} (${name})`, mend: mends.get(name) ?? 'check the disk' },
    { cause: thrown },
  )
}

const permissions = 'give the user that the agent runs as permission, or run it as root'
const space = 'free space on its filesystem'

const mends = new Map([
  ['EACCES', permissions],
  ['EPERM', permissions],
  ['EROFS', 'mount its filesystem writable, or choose another state directory'],
  ['ENOSPC', space],
  ['EDQUOT', space],
  ['EISDIR', 'remove the directory that has its name'],
  ['ENOTDIR', 'choose a state directory whose path has no file in it'],
  ['ENOENT', 'do not remove the state directory while the agent runs'],
])

const isIdentity = (file: string): boolean => file.endsWith('/identity')

const restoreOrRemove = (file: string): string =>
  `restore it from a backup, or ${removeToForget(file)}`

function removeToForget(file: string): string {
  return isIdentity(file)
    ? 'remove the whole state directory to start as a new node'
    : `remove ${file}: the node keeps its identity and learns the rest from its peers`
}
