import Cluster from 'kafkajs/src/cluster/index.js';

// kafkajs 2.2.4 asks for metadata once for all who want it at a moment: whoever adds a topic while an older question is under way is given the answer to
// that, without the topic, and takes it to have no partitions. A lookup of its offsets then fails, and one of a group's position finds none, silently.
// A client that asks for a topic that is not there makes what it asks for beside it fail too, as it does without this.

/** Makes kafkajs ask again until what it knows covers every topic that was added to a client; once for the process, as there is one kafkajs. */
export function keepMetadataWhole(): void {
  const { refreshMetadata, refreshMetadataIfNecessary } = Cluster.prototype;
  // A topic that is not there is an error of the question itself, and ends this.
  Cluster.prototype.refreshMetadata = async function () {
    do await refreshMetadata.call(this);
    while (lacksTopic(this));
  };
  Cluster.prototype.refreshMetadataIfNecessary = async function () {
    do await refreshMetadataIfNecessary.call(this);
    while (lacksTopic(this));
  };
}

function lacksTopic({ targetTopics, brokerPool }: Cluster): boolean {
  const known = brokerPool.metadata?.topicMetadata;
  // A client that was closed meanwhile.
  if (known === undefined) return false;
  // Before each fetch of a consumer: no set is made for it.
  for (const name of targetTopics) if (!known.some(({ topic }) => topic === name)) return true;
  return false;
}
