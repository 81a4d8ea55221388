/** Reads what Docker sends, which is trusted no further than any other input. */

/** A failure whose text reaches whoever typed the command. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}

export type Body = ReadonlyMap<string, unknown>

/** An empty text is an empty body. Throws Refused. */
export function parseBody(text: string): Body {
  if (text.trim() === '') return new Map()
  try {
    return objectOf(JSON.parse(text), 'the request')
  } catch (thrown) {
    if (thrown instanceof Refused) throw thrown
    throw new Refused('the request is no JSON')
  }
}

/** The text of that name; empty where there is none. Throws Refused. */
export function textIn(body: Body, name: string): string {
  const value = body.get(name) ?? ''
  if (typeof value !== 'string') throw new Refused(`${name} is no text`)
  if (value.length > textLengthMax)
    throw new Refused(`${name} has more than ${textLengthMax} characters`)
  return value
}

/** The object of that name; empty where there is none. Throws Refused. */
export function objectIn(body: Body, name: string): Body {
  return objectOf(body.get(name) ?? {}, name)
}

const textLengthMax = 256

function objectOf(value: unknown, name: string): Body {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refused(`${name} is no JSON object`)
  }
  return new Map(Object.entries(value))
}
