#!/bin/bash
# A Spark cluster for one command, in an allocation of Slurm or PBS:
#
#     allocation.sh python job.py
#
# To be run by the batch script, on a node of the allocation. It starts Spark's master there and a worker on each node
# (by srun or pbsdsh), runs the command when all of them are there, ends them, and returns the command's exit code. The
# command finds the cluster in Spark's own way, by SPARK_CONF_DIR.
#
# What may be set:
#   SPARK_HOME           a Spark that all nodes see; by default PySpark's own, of the python3 on the PATH
#   SPARK_CONF_DIR       settings to add to
#   SPARK_WORKER_CORES   of each node; by default what the allocation has there
#   SPARK_WORKER_MEMORY  for executors' heaps on each node; by default half of what the allocation has there: the Python
#                        processes, and the memory that they share with the executors, come on top
#   BERINGIA_CLUSTER_DIR a directory that all nodes see, for settings and logs; by default the working directory
set -euo pipefail
umask 077 # the secret by which the processes know each other is there

if [ -n "${SLURM_JOB_ID:-}" ]; then
    nodes=$SLURM_JOB_NUM_NODES
    cores=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-$(nproc)}}
    megabytes=${SLURM_MEM_PER_NODE:-$((${SLURM_MEM_PER_CPU:-0} * cores))}
elif [ -n "${PBS_JOBID:-}" ]; then
    nodes=$(sort -u "$PBS_NODEFILE" | wc -l)
    cores=${NCPUS:-${PBS_NUM_PPN:-$(nproc)}}
    megabytes=0
else
    echo "$0: neither SLURM_JOB_ID nor PBS_JOBID is set: run it within an allocation" >&2
    exit 2
fi
[ "$megabytes" -gt 0 ] || megabytes=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
: "${SPARK_WORKER_CORES:=$cores}" "${SPARK_WORKER_MEMORY:=$((megabytes / 2))m}"

: "${SPARK_HOME:=$(python3 -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')}"
directory=$(mktemp -d "${BERINGIA_CLUSTER_DIR:-$PWD}/spark-XXXXXX")
conf=$directory/conf
running=$directory/running # workers end when it is gone
logs=$directory/logs
mkdir "$conf" "$logs"
[ -z "${SPARK_CONF_DIR:-}" ] || cp -r "$SPARK_CONF_DIR/." "$conf"
export SPARK_HOME SPARK_CONF_DIR=$conf

# On a machine that others use too, whoever reaches the master could run programs here.
cat >> "$conf/spark-defaults.conf" <<SETTINGS

spark.authenticate          true
spark.authenticate.secret   $(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
spark.master.rest.enabled   false
spark.ui.killEnabled        false
SETTINGS

touch "$running"
"$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master --port 0 --webui-port 0 > "$logs/master" 2>&1 &
master=$!
workers= # srun, or pbsdsh

finish() {
    rm -f "$running"
    [ -z "$workers" ] || wait "$workers" || true
    kill $master 2>/dev/null || true
    wait $master || true
    rm -rf "$conf"
}
trap finish EXIT
trap 'exit 143' TERM

# Waits until a command succeeds; gives up after two minutes, or when the master or what starts the workers has ended.
await() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 $master ${workers:+"$workers"} 2>/dev/null; then
            echo "$0: the cluster did not start. Its logs are in $logs, of which the master's ends so:" >&2
            tail "$logs/master" >&2
            exit 1
        fi
        sleep 0.2
    done
}
url() { grep -Eom1 'spark://[^ ]+' "$logs/master"; }
all_there() { [ "$(grep -c 'Registering worker' "$logs/master")" -ge "$nodes" ]; }

await url > "$directory/url"
echo "spark.master $(cat "$directory/url")" >> "$conf/spark-defaults.conf"

# pbsdsh brings no environment along, and may start more than one on a node: so all is in the script, and the first of a
# node makes a directory.
cat > "$directory/worker" <<WORKER
#!/bin/bash
export PATH="$PATH" LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}" JAVA_HOME="${JAVA_HOME:-}"
export SPARK_HOME="$SPARK_HOME" SPARK_CONF_DIR="$conf"
[ -n "\$JAVA_HOME" ] || unset JAVA_HOME
node="$logs/\${SPARK_LOCAL_IP:-\$(hostname)}"
mkdir "\$node" 2>/dev/null || exit 0
"\$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker --port 0 --webui-port 0 \\
    --cores $SPARK_WORKER_CORES --memory $SPARK_WORKER_MEMORY --work-dir "\$node" $(cat "$directory/url") \\
    > "\$node/worker" 2>&1 &
trap "kill \$!" TERM
while [ -e "$running" ] && kill -0 \$! 2>/dev/null; do sleep 1; done
kill \$! 2>/dev/null
wait \$!
exit 0
WORKER

if [ -n "${SLURM_JOB_ID:-}" ]; then
    srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 --cpus-per-task="$SPARK_WORKER_CORES" \
        /bin/bash "$directory/worker" < /dev/null &
else
    pbsdsh -- /bin/bash "$directory/worker" < /dev/null &
fi
workers=$!
await all_there

"$@"
