import { echo } from './echo.ts'
import { fanOut } from './fan-out.ts'
import { joins } from './joins.ts'
import { rooms } from './rooms.ts'
import type { Workload } from './workload.ts'

/** The runs of `npm run bench` by default; the quick look takes fewer of everything. */
export interface Scale {
  readonly subscribers: number
  readonly rooms: number
  readonly joins: number
}

export function standardWorkloads({ subscribers, rooms: count, joins: size }: Scale): readonly Workload[] {
  const many = subscribers.toLocaleString('en')
  return [
    fanOut({
      id: 'fan-out',
      title: `fan-out ${many} subscribers, 100 B, one at a time`,
      connections: subscribers,
      bodyBytes: 100,
    }),
    fanOut({
      id: 'fan-out-16',
      title: `fan-out ${many}, 100 B, 16 broadcasts a turn`,
      connections: subscribers,
      bodyBytes: 100,
      perTurn: 16,
    }),
    fanOut({
      id: 'fan-out-1k',
      title: `fan-out ${many}, 1 KB, one at a time`,
      connections: subscribers,
      bodyBytes: 1_000,
    }),
    fanOut({
      id: 'fan-out-100',
      title: 'fan-out 100 subscribers, 100 B, one at a time',
      connections: 100,
      bodyBytes: 100,
    }),
    echo({ id: 'echo', title: 'echo, 100 clients × 1', connections: 100, bodyBytes: 100, outstanding: 1 }),
    echo({
      id: 'echo-16',
      title: 'echo, 100 clients × 16',
      connections: 100,
      bodyBytes: 100,
      outstanding: 16,
    }),
    rooms({
      id: 'rooms',
      title: `${count} rooms × 20, 1 message/s each`,
      rooms: count,
      members: 20,
      bodyBytes: 100,
      perSecond: 1,
    }),
    joins({ id: 'joins', title: `connect + join, ${size.toLocaleString('en')}`, size }),
  ]
}
