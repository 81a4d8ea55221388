/** What an operator signs, as bytes and as text. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Certificate } from '../../src/core/trust/paper.ts'
import { pack } from '../../src/wire/packing.ts'
import {
  certifyBy,
  makeToken,
  matches,
  operatorText,
  paperReader,
  papersIn,
  paperText,
  parseOperator,
  parseToken,
  signCertificate,
  signRevocation,
  tokenText,
} from '../../src/wire/paper.ts'
import { isPrintable } from '../../src/wire/shape.ts'
import { anyPrefix } from '../core/arbitraries.ts'
import { cluster, nodeOf, prefixOf } from '../core/specimens.ts'
import {
  byToken,
  certificateFor,
  contentFor,
  operator,
  read,
  revocationOf,
  stranger,
  tokenOf,
} from '../core/trust/operator.ts'
import { signed } from './signed.ts'

const a = nodeOf(1)

function certificateIn(bytes: Uint8Array): Certificate {
  const paper = read(bytes)
  assert.ok(typeof paper === 'object' && paper.kind === 'certificate', String(paper))
  return paper
}

const word = fc.string({ unit: 'grapheme', maxLength: 20 }).filter(isPrintable)

describe('a certificate', () => {
  it('says what was signed', () => {
    fc.assert(
      fc.property(
        word,
        word,
        fc.nat(),
        fc.array(anyPrefix, { maxLength: 32 }),
        fc.option(fc.nat(), { nil: undefined }),
        (name, of, serial, announce, notAfterMs) => {
          const content = contentFor(a, { name, cluster: of, serial, announce, notAfterMs })
          const {
            bytes: _,
            hash: __,
            ...rest
          } = certificateIn(signCertificate(content, operator)) as Certificate & {
            bytes: unknown
            hash: unknown
          }
          assert.deepEqual(rest, { kind: 'certificate', token: undefined, ...content })
        },
      ),
    )
  })

  it('fits with all that it may hold', () => {
    const announce = Array.from({ length: 32 }, (_, index) =>
      prefixOf(`fd00:1111:2222:3333:4444:5555:6666:${(4096 + index).toString(16)}/128`),
    )
    const pinned = [prefixOf('172.16.252.0/22'), prefixOf('fd00:1111:2222:3333::/64')]
    const bytes = certificateFor(a, { name: 'n'.repeat(64), announce, pinned, notAfterMs: 2 ** 50 })
    assert.equal(certificateIn(bytes).announce.length, 32)
  })

  it('with any bit changed is none', () => {
    const bytes = certificateFor(a, { pinned: [prefixOf('172.16.4.0/22')] })
    for (let index = 0; index < bytes.length; index += 1) {
      const copy = new Uint8Array(bytes)
      copy[index] = (copy[index] ?? 0) ^ (1 << (index % 8))
      assert.equal(typeof read(copy), 'string', `byte ${index}`)
    }
  })

  it('of another operator, or signed by a node, is none of this cluster', () => {
    assert.equal(read(certificateFor(a, {}, stranger)), 'foreign-operator')
    assert.equal(read(certificateFor(a, {}, a.keys)), 'foreign-operator')
    const both = paperReader([operator.publicKey, stranger.publicKey])
    assert.equal(typeof both(certificateFor(a, {}, stranger)), 'object', 'one of several')
  })

  it('is read in one form alone', () => {
    const payload = pack(['certificate', 1, cluster, 1, a.id, a.name, [], [], undefined, null])
    assert.equal(read(signed({ ...a, keys: operator }, payload)), 'malformed')
    const longer = pack(['certificate', 1, cluster, 1, a.id, a.name, [], [], null, null, 'more'])
    assert.equal(read(signed({ ...a, keys: operator }, longer)), 'malformed')
  })

  it('pins no two subnets of one family', () => {
    const pinned = [prefixOf('172.16.4.0/22'), prefixOf('172.16.8.0/22')]
    assert.equal(read(certificateFor(a, { pinned })), 'malformed')
  })
})

describe('reading a paper', () => {
  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_000 }), (bytes) => {
        assert.equal(typeof read(bytes), 'string')
        papersIn(Buffer.from(bytes).toString('latin1'))
        parseToken(Buffer.from(bytes).toString('latin1'))
        parseOperator(Buffer.from(bytes).toString('latin1'))
      }),
    )
  })

  it('never throws at what an operator signed, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        let payload: Uint8Array
        try {
          payload = pack(anything)
        } catch {
          // Not everything can be packed.
          return
        }
        assert.ok(typeof read(signed({ ...a, keys: operator }, payload)) === 'string')
      }),
    )
  })

  it('tells a revocation from a certificate', () => {
    const paper = read(revocationOf(a, 7))
    assert.ok(typeof paper === 'object' && paper.kind === 'revocation')
    assert.deepEqual([paper.subject, paper.serial, paper.cluster], [a.id, 7, cluster])
    assert.equal(read(revocationOf(a, 7, stranger)), 'foreign-operator')
  })
})

describe('a join token', () => {
  it('makes a certificate for the node that has it', () => {
    const token = tokenOf(3, { names: 'node-*', notAfterMs: 1_000 })
    const certificate = certificateIn(byToken(token, a))
    assert.deepEqual(
      [certificate.node, certificate.name, certificate.notAfterMs, certificate.token],
      [a.id, a.name, 1_000, token.keys.id],
    )
    assert.deepEqual(byToken(token, a), byToken(token, a), 'always the same one')
  })

  it('gives no more than the operator put into it', () => {
    const token = tokenOf(3, { names: 'h*', notAfterMs: 1_000 })
    assert.equal(read(byToken(token, a)), 'forged', 'another name')
    const named = { ...a, name: 'h1' }
    assert.equal(typeof read(byToken(token, named)), 'object')
    for (const grant of [
      { ...token.grant, serial: 2 },
      { ...token.grant, notAfterMs: undefined },
      { ...token.grant, notAfterMs: 9_000 },
      { ...token.grant, cluster: 'other' },
    ]) {
      assert.equal(read(certifyBy({ ...token, grant }, a.id, 'h1')), 'forged')
    }
    const payload = pack([
      ...['certificate', 1, cluster, 1, a.id, 'h1'],
      ...[['172.16.4.0/22'], ['10.0.0.0/8'], 1_000, token.bytes],
    ])
    assert.equal(read(signed({ ...a, keys: token.keys }, payload)), 'forged', 'prefixes')
  })

  it('of another operator, or one that a member made, admits nobody', () => {
    const grant = { cluster, serial: 1, names: '*', notAfterMs: undefined }
    for (const signer of [stranger, a.keys]) {
      const token = makeToken(grant, signer, new Uint8Array(32).fill(4))
      assert.equal(read(byToken(token, a)), 'foreign-operator')
    }
    const real = tokenOf(5)
    const stolen = { ...real, keys: tokenOf(6).keys }
    assert.equal(read(byToken(stolen, a)), 'forged', 'without its key')
  })

  it('cannot sign revocations or further tokens', () => {
    const { keys } = tokenOf(3)
    assert.equal(
      read(signRevocation({ cluster, serial: 9, subject: a.id }, keys)),
      'foreign-operator',
    )
    const grant = { cluster, serial: 1, names: '*', notAfterMs: undefined }
    const child = makeToken(grant, keys, new Uint8Array(32).fill(9))
    assert.equal(read(byToken(child, a)), 'foreign-operator')
  })
})

describe('text', () => {
  it('of papers, tokens and keys is read as it was written', () => {
    const papers = [certificateFor(a), revocationOf(a)]
    const written = ['# for people', ...papers.map(paperText), ''].join('\n')
    assert.deepEqual(papersIn(written), papers)
    assert.equal(papersIn(`${written}\nsomething else`), undefined)
    const token = tokenOf(3)
    const parsed = parseToken(`${tokenText(token)}\n`)
    assert.deepEqual(parsed?.grant, token.grant)
    assert.deepEqual(parsed?.bytes, token.bytes)
    assert.equal(parsed?.keys.id, token.keys.id)
    assert.deepEqual(parseOperator(operatorText(operator.publicKey)), operator.publicKey)
    for (const wrong of ['', 'starling-operator:', `${operatorText(operator.publicKey)}A`]) {
      assert.equal(parseOperator(wrong), undefined)
    }
  })

  it('of a token with a key that is not its own is none', () => {
    const mixed = { ...tokenOf(3), keys: tokenOf(4).keys }
    assert.equal(parseToken(tokenText(mixed)), undefined)
  })
})

it('a pattern of names means what it says', () => {
  for (const [name, pattern, expected] of [
    ['h7', 'h7', true],
    ['h7', 'h*', true],
    ['h7', '*', true],
    ['h7', '*7', true],
    ['rack-1-h7', 'rack-*-h*', true],
    ['h7', 'h', false],
    ['h7', 'g*', false],
    ['h', 'h*h', false],
    ['hh', 'h*h', true],
    ['ab', '*ba*', false],
    ['', '*', true],
  ] as const) {
    assert.equal(matches(name, pattern), expected, `${name} ${pattern}`)
  }
  const slow = 'a'.repeat(64)
  assert.equal(matches(slow, `${'*a'.repeat(31)}*b`), false)
})
