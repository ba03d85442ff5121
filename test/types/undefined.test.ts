import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import ts from 'typescript-5.9'

// Under `exactOptionalPropertyTypes`, `{ path: env.SOCKET_PATH }` compiles only where the option says that it may be undefined.
// Walks all that the package takes: arguments, what is in them, and what callbacks among them may give.

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = `${root}src/`
const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root)
const entries = Object.values<string[]>(config.compilerOptions.paths).map(([path]) => `${root}${path}`)

test('every option, and every field that a callback may give, may be undefined', () => {
  const walk = new Walk(ts.createProgram(entries, options))
  assert.deepEqual(walk.strict(), [])
  // The walk has been where options are known to be.
  for (const field of [
    'TransportOptions.path',
    'PresenceLimits.keys',
    'ConnectOptions.headers',
    'MetricsOptions.prefix',
  ])
    assert.ok(walk.seen.has(field), `${field} was not looked at`)
})

class Walk {
  readonly seen = new Set<string>()
  readonly #program: ts.Program
  readonly #checker: ts.TypeChecker
  readonly #strict = new Set<string>()
  readonly #types = new Set<ts.Type>()

  constructor(program: ts.Program) {
    this.#program = program
    this.#checker = program.getTypeChecker()
  }

  /** The optional fields that may not be undefined. */
  strict(): string[] {
    for (const entry of entries) {
      const file = this.#program.getSourceFile(entry)
      assert.ok(file, entry)
      const module = this.#checker.getSymbolAtLocation(file)
      for (const symbol of module === undefined ? [] : this.#checker.getExportsOfModule(module))
        this.#export(symbol)
    }
    return [...this.#strict].sort()
  }

  #export(symbol: ts.Symbol): void {
    const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
    if (target.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class)) this.#members(target)
    if (target.flags & ts.SymbolFlags.Value) this.#callable(this.#checker.getTypeOfSymbol(target))
  }

  /** A value that is held may be called: the arguments of its methods come in. */
  #members(symbol: ts.Symbol): void {
    for (const property of this.#checker.getDeclaredTypeOfSymbol(symbol).getProperties()) {
      if (isOurs(property)) this.#callable(this.#checker.getTypeOfSymbol(property))
    }
  }

  #callable(type: ts.Type): void {
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      for (const parameter of signature.getParameters()) this.#input(this.#checker.getTypeOfSymbol(parameter))
    }
  }

  #input(type: ts.Type): void {
    if (this.#types.has(type) || isMadeForUsers(type)) return
    this.#types.add(type)
    const parts = type.isUnionOrIntersection()
      ? type.types
      : this.#checker.getTypeArguments(type as ts.TypeReference)
    for (const part of parts) this.#input(part)
    for (const signature of type.getCallSignatures()) this.#input(signature.getReturnType())
    for (const property of type.getProperties()) if (isOurs(property)) this.#field(property)
  }

  #field(property: ts.Symbol): void {
    const [declaration] = property.declarations ?? []
    if (declaration === undefined) return
    const name = `${nameOf(declaration.parent)}.${property.name}`
    this.seen.add(name)
    if (isOptional(declaration) && !this.#takesUndefined(declaration)) this.#strict.add(name)
    this.#input(this.#checker.getTypeOfSymbol(property))
  }

  #takesUndefined(declaration: ts.Declaration): boolean {
    if (!ts.isPropertySignature(declaration) || declaration.type === undefined) return false
    const type = this.#checker.getTypeFromTypeNode(declaration.type)
    const any = ts.TypeFlags.Undefined | ts.TypeFlags.Unknown | ts.TypeFlags.Never
    return (type.isUnion() ? type.types : [type]).some(({ flags }) => flags & any)
  }
}

/** Instances of classes, and what Fastify, Node and TypeBox make, are no options. */
function isMadeForUsers({ symbol }: ts.Type): boolean {
  if (symbol === undefined) return false
  if (symbol.flags & ts.SymbolFlags.Class) return true
  const isInterface = (symbol.flags & ts.SymbolFlags.Interface) !== 0
  return isInterface && !LISTS.includes(symbol.name) && !(symbol.declarations ?? []).every(isSource)
}

const LISTS = ['Array', 'ReadonlyArray', 'Promise', 'PromiseLike']

/** True of what the library declares and users can reach. */
function isOurs({ declarations = [] }: ts.Symbol): boolean {
  return declarations.some(
    (declaration) => isSource(declaration) && isPublic(ts.getNameOfDeclaration(declaration)),
  )
}

function isSource(declaration: ts.Declaration): boolean {
  return declaration.getSourceFile().fileName.startsWith(sources)
}

/** Not `#private`, and no carrier of a type such as `~assigns`. */
function isPublic(name: ts.DeclarationName | undefined): boolean {
  return name === undefined || !/^['"]?[#~]/.test(name.getText())
}

function isOptional(declaration: ts.Declaration): boolean {
  return (
    (ts.isPropertySignature(declaration) || ts.isMethodSignature(declaration)) &&
    declaration.questionToken !== undefined
  )
}

/** The name of the type that declares a field, or the place of one that has none. */
function nameOf(parent: ts.Node): string {
  for (let node = parent; node !== undefined; node = node.parent) {
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node))
      return node.name?.text ?? '?'
    if (ts.isPropertySignature(node)) return `${nameOf(node.parent)}.${node.name.getText()}`
  }
  return '?'
}
