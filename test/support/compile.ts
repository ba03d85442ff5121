import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A compiler that users of the package have. */
export interface Compiler {
  readonly name: string
  readonly program: string
}

const program = (name: string): string =>
  fileURLToPath(new URL(`../../node_modules/${name}/bin/tsc`, import.meta.url))

export const typescript7: Compiler = { name: '7', program: program('typescript') }
export const typescript5: Compiler = { name: '5.9', program: program('typescript-5.9') }

/** Every version of TypeScript whose users the types must serve. */
export const compilers: readonly Compiler[] = [typescript7, typescript5]

/** One complaint of a compiler. The lines that explain it are part of its text. */
export interface Complaint {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** Checks the types of a project: the folder of a `tsconfig.json`, or the path of such a file. */
export function compile({ program }: Compiler, project: string): Promise<Complaint[]> {
  const run = [program, '-p', project, '--noEmit', '--pretty', 'false']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, run, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      const complaints = parse(stdout)
      if (error !== null && complaints.length === 0) reject(new Error(`${stdout}${stderr}`, { cause: error }))
      else resolve(complaints)
    })
  })
}

const COMPLAINT = /^(.+?)\((\d+),\d+\): (error TS\d+: .*)$/

function parse(output: string): Complaint[] {
  const complaints: { file: string; line: number; text: string }[] = []
  for (const line of output.split('\n')) {
    const [, file, at, text] = COMPLAINT.exec(line) ?? []
    const last = complaints.at(-1)
    if (file !== undefined && text !== undefined) complaints.push({ file, line: Number(at), text })
    else if (line.startsWith(' ') && last !== undefined) last.text += `\n${line}`
  }
  return complaints
}
