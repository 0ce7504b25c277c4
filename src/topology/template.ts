/**
 * What `ninefold init` writes as `ninefold.topology.yaml`: rung 1 with the values people change first.
 * The commented examples of every section are in `examples/`, which is also the documentation and a test of the schema.
 */
export function topologyTemplate({ port = 8080 }: { readonly port?: number } = {}): string {
  return `# How large the service runs. Change it, then run \`ninefold plan\` to see what it would do and \`ninefold up\` to do it.
version: 1

# Where the service is reached.
public:
  host: 127.0.0.1 # this machine only; 0.0.0.0 for everyone
  port: ${port}

# Processes that answer requests; also \`ninefold scale app=4\`.
app:
  servers: 1

# Processes that run jobs.
workers:
  servers: 1
`;
}
