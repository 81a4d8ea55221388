/** Policy rules: which tables the kernel looks at. */

import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import {
  headerBytes,
  kernelFamily,
  messageFlag,
  messageType,
  ruleActionToTable,
  ruleAttribute,
} from './rtnetlink.ts'

/** Of struct fib_rule_hdr. */
const ruleHeaderBytes = 12

/** The table that a rule leads to; undefined: none. */
export function readRuleTable(message: Message): number | undefined {
  if (message.type !== messageType.newRule) return undefined
  const { view } = message
  const at = message.start + headerBytes
  if (at + ruleHeaderBytes > message.end) return undefined
  if (view.getUint8(at + 7) !== ruleActionToTable) return undefined
  let table = view.getUint8(at + 4)
  walkAttributes(view, { from: at + ruleHeaderBytes, end: message.end }, (type, value) => {
    if (type === ruleAttribute.table) table = view.getUint32(value, true)
  })
  return table
}

export function writeRuleDump(
  writer: MessageWriter,
  { family, seq }: { family: 4 | 6; seq: number },
): void {
  writer.begin(messageType.getRule, messageFlag.dump, seq)
  writer.u8(family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(0)
  writer.u16(0)
  writer.u32(0)
  writer.u32(0)
  writer.end()
}
