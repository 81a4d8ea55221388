/** `npm run chaos`: seeded chaos on real containers, and its verdict. */

import { createWriteStream, readFileSync, writeFileSync } from 'node:fs'
import { requireLabMachine } from '../lab/iproute.ts'
import { Screen } from '../lab/screen.ts'
import { requireDocker } from './daemon.ts'
import { DockerError } from './docker.ts'
import { judge, type Verdict } from './judge/judge.ts'
import { type Line, parsed, printed } from './judge/record.ts'
import { reportPage } from './judge/report-page.ts'
import { type Play, requestOf, usage } from './options.ts'
import { catalogue } from './plan/catalogue.ts'
import { scenarios } from './plan/scenarios.ts'
import { replay, type Schedule, scheduleText } from './plan/schedule.ts'
import { Session } from './session.ts'
import { shrink } from './shrink.ts'
import { verdictText } from './verdict-text.ts'

// What an interrupted run still waits for ends with the process.
process.exit(await main(process.argv.slice(2)))

async function main(args: string[]): Promise<number> {
  const request = requestOf(args)
  if (typeof request === 'string') {
    console.error(request)
    return 2
  }
  switch (request.type) {
    case 'help':
      console.log(usage)
      return 0
    case 'list':
      console.log(listText())
      return 0
    case 'plan':
      console.log(scheduleText(request.schedule))
      return 0
    case 'check':
      return check(request)
    case 'play':
      return perform(request)
  }
}

function check({ file, report }: { file: string; report: string | undefined }): number {
  try {
    return told(parsed(readFileSync(file, 'utf8')), report).violations.length === 0 ? 0 : 1
  } catch (error) {
    console.error(`--check ${file}: ${error instanceof Error ? error.message : String(error)}`)
    return 2
  }
}

async function perform(request: Play): Promise<number> {
  const screen = new Screen()
  console.log(scheduleText(request.schedule))
  try {
    requireLabMachine()
    await requireDocker()
    const interrupted = new Promise<'interrupted'>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.on(signal, () => resolve('interrupted'))
    })
    const session = await Session.open(screen)
    const outcome = await Promise.race([playAll(session, screen, request), interrupted]).catch(
      (error: unknown) => error,
    )
    // What is under way fails as its hosts are taken away, and whoever waited for it is gone.
    if (outcome === 'interrupted') process.on('unhandledRejection', () => undefined)
    const left = await session.close()
    if (outcome instanceof Error) throw outcome
    if (left.length > 0)
      throw new DockerError('not-seen', `the machine is not as it was:\n${left.join('\n')}`)
    return typeof outcome === 'number' ? outcome : 130
  } catch (error) {
    screen.bad(error instanceof Error ? error.message : String(error))
    return 1
  }
}

async function playAll(session: Session, screen: Screen, request: Play): Promise<number> {
  const { schedule, times, shrinkMs, out, report } = request
  let failed = 0
  for (let time = 1; time <= times; time += 1) {
    const verdict = told(await stored(session, schedule, out), report)
    if (verdict.violations.length > 0) failed += 1
  }
  if (times > 1) screen.title(`${failed} of ${times} runs failed`)
  if (failed > 0 && shrinkMs > 0) await shrunk(session, screen, schedule, shrinkMs)
  return failed === 0 ? 0 : 1
}

async function shrunk(
  session: Session,
  screen: Screen,
  schedule: Schedule,
  withinMs: number,
): Promise<void> {
  const end = performance.now() + withinMs
  const smallest = await shrink(schedule, {
    hasTime: () => performance.now() < end,
    fails: async (fewer) => {
      screen.title(`fewer faults: ${replay(fewer)}`)
      const lines: Line[] = []
      await session.play(fewer, (line) => lines.push(line))
      return judge(lines).violations.length > 0
    },
  })
  console.log(`\nthe smallest that failed:\n${scheduleText(smallest)}`)
}

/** Plays it, and keeps each line in the file as well. */
async function stored(session: Session, schedule: Schedule, out: string): Promise<Line[]> {
  const lines: Line[] = []
  const file = createWriteStream(out)
  try {
    await session.play(schedule, (line) => {
      lines.push(line)
      file.write(printed(line))
    })
  } finally {
    file.end()
  }
  return lines
}

function told(lines: readonly Line[], report: string | undefined): Verdict {
  const verdict = judge(lines)
  const schedule = lines.find((line) => line.type === 'run')?.schedule
  const again = schedule ? replay(schedule) : ''
  console.log(`\n${verdictText(verdict, again)}`)
  if (report !== undefined) {
    writeFileSync(report, reportPage(lines, verdict, again))
    console.log(`how it went: ${report}`)
  }
  return verdict
}

function listText(): string {
  return scenarios
    .flatMap(({ name, promise, faults }) => [
      `${name}: ${promise}`,
      ...(name === 'everything'
        ? []
        : faults.map((fault) => `  ${fault.padEnd(20)}${catalogue[fault].what}`)),
    ])
    .join('\n')
}
