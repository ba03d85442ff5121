import { echo } from './echo.ts'
import { fanOut } from './fan-out.ts'
import { resume } from './resume.ts'
import type { Workload } from './workload.ts'

/** One quantity that is made larger step by step, all else the same. */
export interface Axis {
  readonly id: string
  readonly title: string
  readonly xLabel: string
  /** True where every peer is loaded by default, not only the yardstick and beryl. */
  readonly allPeers: boolean
  readonly points: readonly { readonly x: number; readonly workload: Workload }[]
}

/** The axes, as far as `maxConnections` open files allow. */
export function growthAxes(maxConnections: number): readonly Axis[] {
  return [subscribers(maxConnections), perTurn(), topics(), topicsPerConnection(), payload()]
}

/** Loads in which the variants of beryl (validation, encoding, protocol version) are compared. */
export function variantWorkloads(): readonly Workload[] {
  return [
    fanOut({
      id: 'fan-out',
      title: 'fan-out 1,000, 100 B, one at a time',
      connections: 1_000,
      bodyBytes: 100,
    }),
    fanOut({
      id: 'fan-out-16',
      title: 'fan-out 1,000, 100 B, 16 a turn',
      connections: 1_000,
      bodyBytes: 100,
      perTurn: 16,
    }),
    echo({
      id: 'echo-16',
      title: 'echo, 100 clients × 16',
      connections: 100,
      bodyBytes: 100,
      outstanding: 16,
    }),
  ]
}

/** Loads in which compression is compared with none: 1 KB of JSON as applications have it. */
export function deflateWorkloads(): readonly Workload[] {
  return [
    fanOut({
      id: 'fan-out-1k-deflate',
      title: 'fan-out 1,000, 1 KB of JSON, one at a time',
      connections: 1_000,
      bodyBytes: 100,
      rows: 9,
    }),
  ]
}

/** Loads in which a history is compared with none. */
export function historyWorkloads(clients: number): readonly Workload[] {
  const size = `${clients.toLocaleString('en')} clients`
  return [
    ...variantWorkloads().filter(({ id }) => id !== 'echo-16'),
    resume({ id: 'resume', title: `${size} that connect, join, and are told 50 messages`, size: clients }),
  ]
}

function subscribers(maxConnections: number): Axis {
  const steps = [10, 100, 1_000, 5_000, Math.min(20_000, maxConnections)]
  return {
    id: 'subscribers',
    title: 'Cost of a delivery against subscribers of one topic (100 B, one at a time)',
    xLabel: 'subscribers',
    allPeers: true,
    points: steps.map((x) => ({
      x,
      workload: fanOut({ id: `subscribers-${x}`, title: `${x} subscribers`, connections: x, bodyBytes: 100 }),
    })),
  }
}

function perTurn(): Axis {
  return {
    id: 'per-turn',
    title: 'Cost of a delivery against broadcasts per turn (1,000 subscribers, 100 B)',
    xLabel: 'broadcasts per turn of the event loop',
    allPeers: true,
    points: [1, 2, 4, 8, 16, 32, 64].map((x) => ({
      x,
      workload: fanOut({
        id: `per-turn-${x}`,
        title: `${x} a turn`,
        connections: 1_000,
        bodyBytes: 100,
        perTurn: x,
      }),
    })),
  }
}

/** 10 subscribers a topic: at 20,000 topics each of the 1,000 connections has joined 200. */
function topics(): Axis {
  return {
    id: 'topics',
    title: 'Cost of a delivery against topics (10 subscribers each, 1,000 connections, 16 topics at once)',
    xLabel: 'topics',
    allPeers: false,
    points: [1, 10, 100, 1_000, 10_000, 20_000].map((x) => ({
      x,
      workload: fanOut({
        id: `topics-${x}`,
        title: `${x} topics`,
        connections: 1_000,
        bodyBytes: 100,
        topics: x,
        perTopic: 10,
        atOnce: 16,
      }),
    })),
  }
}

function topicsPerConnection(): Axis {
  return {
    id: 'topics-per-connection',
    title: 'Cost of a delivery against topics per connection (100 connections, all in every topic)',
    xLabel: 'topics per connection',
    allPeers: false,
    points: [1, 10, 30, 100].map((x) => ({
      x,
      workload: fanOut({
        id: `topics-per-connection-${x}`,
        title: `${x} topics a connection`,
        connections: 100,
        bodyBytes: 100,
        topics: x,
      }),
    })),
  }
}

function payload(): Axis {
  return {
    id: 'payload',
    title: 'Cost of a delivery against payload (300 subscribers, one at a time)',
    xLabel: 'bytes of the body',
    allPeers: false,
    points: [10, 100, 1_000, 10_000, 64_000].map((x) => ({
      x,
      workload: fanOut({ id: `payload-${x}`, title: `${x} B`, connections: 300, bodyBytes: x }),
    })),
  }
}
