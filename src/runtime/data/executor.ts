import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type DialectAdapter,
  type KyselyPlugin,
  type QueryCompiler,
  type QueryResult,
} from "kysely";

type Options = Parameters<ConnectionProvider["provideConnection"]>[1];
type QueryOptions = Parameters<DefaultQueryExecutor["executeQuery"]>[1];

/** Where an {@link Executor} sends statements. */
export interface Source {
  /** Runs one statement, without the caller having a connection. */
  run(compiled: CompiledQuery): Promise<QueryResult<never>>;
  provide<T>(consumer: (connection: DatabaseConnection) => Promise<T>, options: Options): Promise<T>;
}

interface Parts {
  readonly source: Source;
  readonly compiler: QueryCompiler;
  readonly adapter: DialectAdapter;
}

/**
 * Kysely's executor, with a short way for the common case: a statement outside of a transaction goes straight to its
 * source instead of through acquiring, using and releasing a connection.
 */
export class Executor extends DefaultQueryExecutor {
  readonly #parts: Parts;

  constructor(parts: Parts, plugins: readonly KyselyPlugin[] = []) {
    const provider: ConnectionProvider = {
      provideConnection: (consumer, options) => parts.source.provide(consumer, options),
    };
    super(parts.compiler, parts.adapter, provider, [...plugins]);
    this.#parts = parts;
  }

  override async executeQuery<R>(compiled: CompiledQuery, options?: QueryOptions): Promise<QueryResult<R>> {
    if (options?.signal !== undefined) return super.executeQuery(compiled, options);
    let result: QueryResult<R>;
    try {
      result = await this.#parts.source.run(compiled);
    } catch (error) {
      // The error was made where the answer was read; what helps is where the statement was asked for.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    }
    for (const plugin of this.plugins) {
      result = (await plugin.transformResult({ queryId: compiled.queryId, result: result as never })) as QueryResult<R>;
    }
    return result;
  }

  override withPlugins(plugins: readonly KyselyPlugin[]): Executor {
    return new Executor(this.#parts, [...this.plugins, ...plugins]);
  }

  override withPlugin(plugin: KyselyPlugin): Executor {
    return new Executor(this.#parts, [...this.plugins, plugin]);
  }

  override withPluginAtFront(plugin: KyselyPlugin): Executor {
    return new Executor(this.#parts, [plugin, ...this.plugins]);
  }

  override withoutPlugins(): Executor {
    return new Executor(this.#parts);
  }
}
