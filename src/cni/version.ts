/** The versions of the CNI specification, and what each can. */

export const versions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

export type Version = (typeof versions)[number]

export const isVersion = (text: unknown): text is Version =>
  versions.some((version) => version === text)

export const isAtLeast = (version: Version, least: Version): boolean =>
  versions.indexOf(version) >= versions.indexOf(least)
