// graphile-worker builds a line for each job that it completes unless this is set before it is loaded; nobody reads them.
process.env.NO_LOG_SUCCESS ??= "1";
