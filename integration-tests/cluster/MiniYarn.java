// A YARN of two node managers in this process, for test_yarn.py: java MiniYarn.java DIRECTORY writes its yarn-site.xml
// there, and ends with its standard input.

import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.server.MiniYARNCluster;

public class MiniYarn {
    public static void main(String[] arguments) throws Exception {
        Path directory = Path.of(arguments[0]);
        YarnConfiguration settings = new YarnConfiguration();
        settings.set("fs.defaultFS", "file:///");
        settings.set("yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", "100.0");
        settings.set("yarn.nodemanager.vmem-check-enabled", "false");
        settings.set(YarnConfiguration.RM_BIND_HOST, "localhost");
        settings.set(YarnConfiguration.NM_BIND_HOST, "localhost");
        // The jar has no capacity-scheduler.xml.
        String queue = "yarn.scheduler.capacity.root.default.";
        settings.set("yarn.scheduler.capacity.root.queues", "default");
        settings.set(queue + "capacity", "100");
        settings.set(queue + "maximum-capacity", "100");
        settings.set(queue + "user-limit-factor", "1");
        settings.set(queue + "maximum-am-resource-percent", "1");
        settings.set(queue + "state", "RUNNING");
        settings.set(queue + "acl_submit_applications", "*");
        settings.set(queue + "acl_administer_queue", "*");
        MiniYARNCluster cluster = new MiniYARNCluster("beringia", 2, 1, 1);
        cluster.init(settings);
        cluster.start();
        while (cluster.getConfig().get(YarnConfiguration.RM_ADDRESS).endsWith(":0")) Thread.sleep(100);
        Path written = directory.resolve("yarn-site.tmp");
        try (var out = Files.newOutputStream(written)) {
            cluster.getConfig().writeXml(out);
        }
        Files.move(written, directory.resolve("yarn-site.xml"));
        while (System.in.read() >= 0) {} // until whoever started this closes it, or ends
        cluster.stop();
        System.exit(0);
    }
}
