/** What is wrong with the data handed to a metric. */
export class MetricInputError extends Error {
  readonly code = 'bad-metric-input';
  constructor(message: string) {
    super(message);
    this.name = 'MetricInputError';
  }
}
