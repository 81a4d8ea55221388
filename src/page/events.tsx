/** What happens, the latest on top. */

import { useSignal } from '@preact/signals'
import { events, missed, type ShownEvent } from './follow.ts'
import { counted, timeText } from './words.ts'

export function Events() {
  const heldAt = useSignal<number | undefined>(undefined)
  const gravest = useSignal(false)
  const latest = events.value.at(-1)?.number ?? 0
  const until = heldAt.value ?? latest
  const shown = events.value
    .filter(({ number, level }) => number <= until && (!gravest.value || level !== 'info'))
    .slice(-shownMax)
    .reverse()
  return (
    <section aria-labelledby="events">
      <div class="head">
        <h2 id="events">Events</h2>
        <p>
          {heldAt.value === undefined
            ? 'as they happen'
            : `held, ${counted(latest - until, 'new event')}`}
          {missed.value > 0 && `; ${counted(missed.value, 'event')} went by too fast to show`}
        </p>
        <label>
          <input
            type="checkbox"
            onChange={({ currentTarget }) => {
              gravest.value = currentTarget.checked
            }}
          />
          warnings only
        </label>
        <button
          type="button"
          aria-pressed={heldAt.value !== undefined}
          onClick={() => {
            heldAt.value = heldAt.value === undefined ? latest : undefined
          }}
        >
          Hold
        </button>
      </div>
      <div
        class="log"
        role="log"
        aria-live="off"
        tabIndex={0}
        aria-label="Events, the latest first"
      >
        {shown.length === 0 ? (
          <p class="hint">Nothing yet.</p>
        ) : (
          shown.map((event) => <Event key={event.number} event={event} />)
        )}
      </div>
    </section>
  )
}

function Event({ event: { time, level, code, message, mend } }: { readonly event: ShownEvent }) {
  return (
    <p class={`event ${level}`}>
      <time class="mono" dateTime={time}>
        {timeText(time)}
      </time>
      <b>{level}</b>
      <span>
        {message} <small class="mono">{code}</small>
        {mend !== '' && <span class="mend">{mend}</span>}
      </span>
    </p>
  )
}

const shownMax = 100
