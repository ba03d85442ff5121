import { readFields, refuseArgument } from '../ground/argument.ts'
import type { TreeNode } from './process.ts'

/**
 * Draws a tree as `inspect` gives it, one child a line.
 *
 * @example formatTree(tree.inspect())
 * // prices   supervisor, running, rest_for_one
 * // ├─ feed  worker, running, 2 restarts
 * // └─ pool  supervisor, running, one_for_one
 */
export function formatTree(root: TreeNode): string {
  if (!Array.isArray(readFields(root)?.children))
    refuseArgument('formatTree', 'tree', 'what inspect() gives', root)
  const rows = draw(root, '', '')
  const width = Math.max(...rows.map(({ label }) => label.length))
  return rows.map(({ label, text }) => `${label.padEnd(width)}  ${text}`.trimEnd()).join('\n')
}

interface TreeLine {
  readonly label: string
  readonly text: string
}

function draw(node: TreeNode, lead: string, below: string): TreeLine[] {
  const rows = [{ label: lead + node.id, text: describeNode(node) }]
  const more = node.omitted ?? 0
  node.children.forEach((child, index) => {
    const last = index === node.children.length - 1 && more === 0
    rows.push(...draw(child, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`))
  })
  if (more > 0) rows.push({ label: `${below}└─ …`, text: `${more} more` })
  return rows
}

function describeNode({ type, state, note, startsInMs, restarts, stillRunning }: TreeNode): string {
  const words: string[] = [type, state]
  if (startsInMs !== undefined) words.push(`starts in ${Math.ceil(startsInMs / 1000)} s`)
  if (note !== undefined) words.push(note)
  if (restarts > 0) words.push(restarts === 1 ? '1 restart' : `${restarts} restarts`)
  if (stillRunning > 0) words.push(`${stillRunning} abandoned and still running`)
  return words.join(', ')
}
