/** Reads what a runtime wrote as JSON, in which every value may be anything. */

export type JsonObject = Readonly<Record<string, unknown>>

export const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined

/** A list of texts and nothing else. */
export const asTexts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined

/** A value of the sender's in a message: short, and nothing in it moves a cursor. */
export const quoted = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}
