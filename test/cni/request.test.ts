/** What a call asks for, and what is said where it is wrong. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCall } from '../../src/cni/call.ts'
import { failureText } from '../../src/cni/failure.ts'
import { versionIn } from '../../src/cni/netconf.ts'
import { momentOf } from '../../src/cni/request.ts'
import { versions } from '../../src/cni/version.ts'
import { bodyOf, bootId, callOf, conf, failureOf, requestOf, witness } from './calls.ts'

describe('the body of a call', () => {
  it('has entries, an empty one, and the configuration with whatever is in it', () => {
    const call = parseCall(Buffer.from('A=1\0B=x=y\0A=2\0C=\0\0{"a":\0}'))
    assert.deepEqual(
      [...(call?.entries ?? [])],
      [
        ['A', '1'],
        ['B', 'x=y'],
        ['C', ''],
      ],
    )
    assert.equal(call?.config, '{"a":\0}')
  })

  for (const text of ['', 'A=1', 'A=1\0', 'A\0\0', '=1\0\0']) {
    it(`is not ${JSON.stringify(text)}`, () =>
      assert.equal(parseCall(Buffer.from(text)), undefined))
  }
})

describe('an ADD', () => {
  it('names its attachment, its namespace and its moment', () => {
    const { attachment, witness: seen, name, asked } = requestOf('add')
    assert.deepEqual(attachment, { door: 'cni', network: 'net', id: 'c1', ifname: 'eth0' })
    assert.deepEqual(seen, witness)
    assert.equal(name, '')
    assert.deepEqual(asked, [])
    assert.deepEqual(momentOf(callOf('ADD')), { bootId, uptimeMs: 1_000 })
  })

  it('is taken in every version, and one without a version is of the first', () => {
    for (const cniVersion of versions) {
      assert.equal(requestOf('add', conf({ cniVersion })).conf.version, cniVersion)
    }
    for (const cniVersion of [undefined, '']) {
      assert.equal(requestOf('add', conf({ cniVersion })).conf.version, '0.1.0')
    }
  })

  it('may have an id of 256 characters, and not of more', () => {
    const id = 'a'.repeat(256)
    assert.equal(requestOf('add', conf(), { CNI_CONTAINERID: id }).attachment.id, id)
    const { kind, message } = failureOf('ADD', conf(), { CNI_CONTAINERID: 'a'.repeat(10_000) })
    assert.equal(kind, 'environment')
    assert.ok(message.length < 300, message)
  })
})

describe('the addresses that are asked for', () => {
  const annotated = (ips: string) => ({
    'io.kubernetes.cri.pod-annotations': { 'starling/ips': ips },
  })
  const asked = (config: object, args?: string): string[] =>
    requestOf('add', conf(config), { CNI_ARGS: args }).asked.map(({ address }) => address.text)

  it('come by the capability, the network’s args, CNI_ARGS and the annotation', () => {
    assert.deepEqual(asked({ runtimeConfig: { ips: ['172.16.8.5/22', 'fd00::5'] } }), [
      '172.16.8.5',
      'fd00::5',
    ])
    assert.deepEqual(asked({ args: { cni: { ips: ['172.16.8.6'] } } }), ['172.16.8.6'])
    assert.deepEqual(asked({}, 'IP=172.16.8.7/22'), ['172.16.8.7'])
    assert.deepEqual(asked({ runtimeConfig: annotated(' 172.16.8.8 ,fd00::8') }), [
      '172.16.8.8',
      'fd00::8',
    ])
  })

  it('are joined, each once', () => {
    const config = {
      runtimeConfig: { ips: ['172.16.8.5/22'], ...annotated('172.16.8.5,172.16.8.6') },
      args: { cni: { ips: ['172.16.8.7'] } },
    }
    assert.deepEqual(asked(config, 'IP=172.16.8.6'), ['172.16.8.5', '172.16.8.7', '172.16.8.6'])
  })

  it('are none where nothing is asked for', () => {
    assert.deepEqual(asked({ runtimeConfig: { ips: null, ...annotated('') } }, 'IP='), [])
    const others = { 'io.kubernetes.cri.pod-annotations': { 'a/b': 'x' } }
    assert.deepEqual(asked({ runtimeConfig: others }), [])
  })

  it('keep keys of CNI_ARGS that nobody knows to whoever does, and values with a second =', () => {
    assert.deepEqual(asked({}, 'Foo=a=b;IgnoreUnknown=0;IP=172.16.8.7;Bar;=x'), ['172.16.8.7'])
  })

  const wrong: readonly (readonly [string, object, string?])[] = [
    ['config', { runtimeConfig: { ips: ['nonsense'] } }],
    ['config', { runtimeConfig: { ips: { a: 1 } } }],
    ['config', { runtimeConfig: { ips: [1] } }],
    ['config', { args: { cni: { ips: ['172.16.8.5/33'] } } }],
    ['config', { runtimeConfig: annotated('172.16.8.300') }],
    ['environment', {}, 'IP=172.016.8.7'],
    ['config', { runtimeConfig: { ips: Array.from({ length: 17 }, (_, at) => `172.16.8.${at}`) } }],
    ['config', { cniVersion: '0.2.0', runtimeConfig: { ips: ['172.16.8.5', '172.16.8.6'] } }],
  ]
  for (const [kind, config, args] of wrong) {
    it(`are refused as ${kind}: ${JSON.stringify(config).slice(0, 80)} ${args ?? ''}`, () => {
      assert.equal(failureOf('ADD', conf(config), { CNI_ARGS: args }).kind, kind)
    })
  }
})

describe('the name that a container comes again by', () => {
  const name = (args: string, ifname = 'eth0') =>
    requestOf('add', conf(), { CNI_ARGS: args, CNI_IFNAME: ifname }).name

  it('is its Pod’s, with the namespace where there is one', () => {
    const pod = 'K8S_POD_INFRA_CONTAINER_ID=4f;K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=shop'
    assert.equal(name(`IgnoreUnknown=1;${pod}`), 'shop/web-0')
    assert.equal(name('K8S_POD_NAME=web'), 'web')
  })

  it('is its group’s in Nomad', () => {
    const job = 'NOMAD_ALLOC_ID=1;NOMAD_JOB_ID=shop;NOMAD_GROUP_NAME=web;NOMAD_NAMESPACE=default'
    assert.equal(name(job), 'default/shop/web')
  })

  it('is another one for a second interface', () => {
    assert.equal(name('K8S_POD_NAME=web', 'net1'), 'web/net1')
  })

  it('is none where nobody says one, or one without end', () => {
    assert.equal(name('K8S_POD_NAMESPACE=shop'), '')
    assert.equal(name(`K8S_POD_NAME=${'a'.repeat(10_000)}`), '')
  })
})

describe('what the other commands ask for', () => {
  it('DEL needs no namespace', () => {
    const { attachment } = requestOf('del', conf(), { CNI_NETNS: '' })
    assert.equal(attachment.id, 'c1')
  })

  it('CHECK compares with the previous result, where there is one', () => {
    assert.equal(requestOf('check').previous, undefined)
    const ips = [{ address: '172.16.8.5/22' }, { address: 'fd00::5/64', interface: 2 }]
    const { previous } = requestOf('check', conf({ prevResult: { ips } }))
    assert.deepEqual(
      previous?.map(({ text }) => text),
      ['172.16.8.5', 'fd00::5'],
    )
  })

  it('GC has a list, an empty one, one that is null, or none, and these differ', () => {
    const valid = (fields: object) => {
      const request = requestOf('gc', conf(fields))
      return request.valid && [...request.valid]
    }
    const one = [{ containerID: 'c1', ifname: 'eth0' }]
    assert.deepEqual(valid({ 'cni.dev/valid-attachments': one }), ['c1\0eth0'])
    assert.deepEqual(valid({ 'cni.dev/attachments': one }), ['c1\0eth0'])
    assert.deepEqual(valid({ 'cni.dev/attachments': one, 'cni.dev/valid-attachments': null }), [
      'c1\0eth0',
    ])
    assert.deepEqual(valid({ 'cni.dev/valid-attachments': [] }), [])
    assert.deepEqual(valid({ 'cni.dev/valid-attachments': null }), [])
    assert.equal(valid({}), undefined)
  })

  it('STATUS asks for nothing more, and needs no name', () => {
    assert.deepEqual(requestOf('status', { cniVersion: '1.1.0' }, { CNI_CONTAINERID: undefined }), {
      type: 'status',
    })
  })
})

describe('a call that is wrong', () => {
  const cases: readonly (readonly [string, Parameters<typeof failureOf>, number, RegExp])[] = [
    ['malformed JSON', ['ADD', '{"cniVersion":'], 6, /no JSON$/],
    ['no object', ['ADD', '[]'], 6, /no JSON object/],
    ['nothing', ['DEL', ''], 6, /no JSON/],
    [
      'a version of another time',
      ['ADD', conf({ cniVersion: '2.0.0' })],
      1,
      /2\.0\.0.*0\.1\.0.*1\.1\.0/,
    ],
    ['a version that is none', ['ADD', conf({ cniVersion: 1 })], 1, /configuration is 1,/],
    ['no name', ['ADD', conf({ name: undefined })], 7, /no name/],
    ['a name with a slash', ['ADD', conf({ name: 'a/b' })], 7, /"a\/b"/],
    ['an ipam that is none', ['ADD', conf({ ipam: 'starling-ipam' })], 7, /ipam/],
    [
      'resolvConf',
      ['ADD', conf({ ipam: { resolvConf: '/etc/resolv.conf' } })],
      2,
      /ipam\.resolvConf "\/etc/,
    ],
    ['ranges', ['ADD', conf({ ipam: { ranges: [[]] } })], 2, /ipam\.ranges \[\[\]\]/],
    [
      'a route that is none',
      ['ADD', conf({ ipam: { routes: [{ dst: 'x' }] } })],
      7,
      /ipam\.routes/,
    ],
    [
      'a field of a route',
      ['ADD', conf({ ipam: { routes: [{ dst: '::/0', mtu: 1 }] } })],
      2,
      /"mtu"/,
    ],
    ['a dns that is none', ['ADD', conf({ dns: { nameservers: 'x' } })], 7, /dns\.nameservers/],
    [
      'an id with a slash',
      ['ADD', conf(), { CNI_CONTAINERID: '../../etc' }],
      4,
      /CNI_CONTAINERID "\.\./,
    ],
    ['an interface of 16', ['ADD', conf(), { CNI_IFNAME: 'a'.repeat(16) }], 4, /CNI_IFNAME/],
    ['an interface with a colon', ['ADD', conf(), { CNI_IFNAME: 'eth0:1' }], 4, /CNI_IFNAME/],
    ['the interface ..', ['ADD', conf(), { CNI_IFNAME: '..' }], 4, /CNI_IFNAME/],
    ['another command', ['GET', conf()], 4, /unknown CNI_COMMAND "GET"/],
    [
      'CHECK before it was there',
      ['CHECK', conf({ cniVersion: '0.3.1' })],
      1,
      /0\.3\.1 does not allow CHECK/,
    ],
    [
      'GC before it was there',
      ['GC', conf({ cniVersion: '1.0.0' })],
      1,
      /1\.0\.0 does not allow GC/,
    ],
    [
      'STATUS before it was there',
      ['STATUS', conf({ cniVersion: '1.0.0' })],
      1,
      /does not allow STATUS/,
    ],
    [
      'valid attachments that are none',
      ['GC', conf({ 'cni.dev/valid-attachments': 'x' })],
      7,
      /no list/,
    ],
    [
      'one that names no interface',
      ['GC', conf({ 'cni.dev/attachments': [{ containerID: 'a' }] })],
      7,
      /ifname/,
    ],
    [
      'a previous result that is none',
      ['CHECK', conf({ prevResult: { ips: [{ address: 1 }] } })],
      7,
      /prevResult/,
    ],
  ]
  for (const [what, [command, config, told], code, text] of cases) {
    it(`${what}: code ${code}`, () => {
      const failure = failureOf(command, config, told)
      const printed = JSON.parse(failureText(failure, '1.0.0')) as { code: number; msg: string }
      assert.equal(printed.code, code, printed.msg)
      assert.match(printed.msg, text)
    })
  }

  it('names the command that replaces a plugin of another version', () => {
    const { kind, message } = failureOf('ADD', conf(), { STARLING_PROTOCOL: '2' })
    assert.equal(kind, 'environment')
    assert.match(message, /starling cni install/)
  })

  it('names all missing variables at once', () => {
    const none = {
      CNI_CONTAINERID: undefined,
      CNI_NETNS: '',
      CNI_IFNAME: undefined,
      CNI_PATH: undefined,
    }
    const messages = ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS'].map(
      (command) => failureOf(command, conf(), none).message,
    )
    assert.deepEqual(messages, [
      'ADD needs CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH',
      'CHECK needs CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH',
      'DEL needs CNI_CONTAINERID, CNI_IFNAME, CNI_PATH',
      'GC needs CNI_PATH',
      'STATUS needs CNI_PATH',
    ])
  })

  it('never has words in the error of a DEL that go-cni takes for success', () => {
    for (const words of ['not found', 'no such file or directory', 'Not Found']) {
      for (const failure of [
        failureOf('DEL', conf({ name: words })),
        failureOf('DEL', conf({ ipam: { resolvConf: words } })),
        failureOf('DEL', conf(), { CNI_CONTAINERID: words }),
        failureOf('DEL', conf({ cniVersion: words })),
      ]) {
        assert.doesNotMatch(failure.message, /not found|no such file or directory/i)
      }
    }
  })

  it('is answered in the version of its configuration, where that is one', () => {
    assert.equal(versionIn('{"cniVersion":"0.4.0"}'), '0.4.0')
    assert.equal(versionIn('{}'), '0.1.0')
    for (const config of ['{', '[]', '{"cniVersion":"9.9.9"}'])
      assert.equal(versionIn(config), '1.0.0')
  })

  it('is never an exception, whatever is sent', () => {
    const values: unknown[] = [null, 1, 'x', [], {}, [null], [[]], { ips: [null] }]
    const fields = ['cniVersion', 'name', 'ipam', 'dns', 'args', 'runtimeConfig', 'prevResult']
    for (const command of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']) {
      for (const field of fields) {
        for (const value of values) {
          const body = bodyOf(command, conf({ [field]: value }))
          assert.doesNotThrow(() => callOf(command, body.toString()))
          assert.doesNotThrow(() => failureOrRequest(command, conf({ [field]: value })))
        }
      }
    }
  })
})

const failureOrRequest = (command: string, config: object): unknown => {
  try {
    return failureOf(command, config)
  } catch (thrown) {
    // Not wrong after all.
    if (thrown instanceof assert.AssertionError) return undefined
    throw thrown
  }
}
