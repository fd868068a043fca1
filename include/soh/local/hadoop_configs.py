"""Configuration of HDFS and YARN, a folder for each server that has settings of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from soh.local.environments import JARS
from soh.local.home import Home

_LOG4J = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
log4j.logger.org.apache.hadoop.hdfs.StateChange=WARN
log4j.logger.BlockStateChange=WARN
log4j.logger.org.apache.hadoop.hdfs.server.datanode.DataNode.clienttrace=WARN
"""


def write(home: Home) -> None:
    """Render the folders, and the one with the web pages that the servers insist on."""
    _write_folder(home, "hadoop", hdfs(home), yarn(home))
    for number in home.profile.datanodes:
        _write_folder(home, f"datanode-{number}", {**hdfs(home), **datanode(home, number)}, yarn(home))
    for number in home.profile.nodemanagers:
        _write_folder(home, f"nodemanager-{number}", hdfs(home), {**yarn(home), **nodemanager(home, number)})
    # The jars lack the web folders that the HTTP servers of HDFS insist on.
    for webapp in ("hdfs", "datanode", "cluster", "node"):
        (home.conf / "web" / "webapps" / webapp / "WEB-INF").mkdir(parents=True, exist_ok=True)


def hadoop_classpath(home: Home, folder: str) -> str:
    """Class path of a Hadoop server: its configuration, the web folders it insists on, the jars."""
    return ":".join(str(path) for path in (home.conf / folder, home.conf / "web", Path(JARS / "hadoop" / "*")))


def hdfs(home: Home) -> dict[str, object]:
    """Settings of the NameNode and of every client of HDFS."""
    ports = home.ports
    return {
        "dfs.replication": home.profile.block_copies,
        "dfs.namenode.rpc-address": f"127.0.0.1:{ports.namenode}",
        "dfs.namenode.http-address": f"127.0.0.1:{ports.namenode_http}",
        "dfs.namenode.name.dir": f"file://{home.data}/namenode",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.namenode.safemode.extension": 1000,
        # A DataNode killed with -9 is known as dead after about half a minute, not ten.
        "dfs.namenode.heartbeat.recheck-interval": 10000,
        "dfs.heartbeat.interval": 1,
        "dfs.permissions.superusergroup": home.server_user,
        "dfs.webhdfs.enabled": "true",
        # As many DataNodes as copies: there is never another to replace a lost one by.
        "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
        "dfs.client.socket-timeout": 20000,
        # Whoever closes a file asks whether a DataNode has reported it, and without this asks again after 400 ms: three
        # times in a micro-batch, more than all its computing.
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": 10,
        # The delay doubles with each try, so there must be more of them for a busy NameNode.
        "dfs.client.block.write.locateFollowingBlock.retries": 12,
        "dfs.client.use.datanode.hostname": "false",
        # A NameNode that is killed is back in ten seconds and then in safe mode for a few: neither may cost an app.
        "dfs.client.retry.policy.enabled": "true",
        "dfs.client.retry.policy.spec": "1000,20,5000,12",
    }


def datanode(home: Home, number: int) -> dict[str, object]:
    """What one server has beyond the settings that all share."""
    ports = home.ports
    return {
        "dfs.datanode.data.dir": f"file://{home.data}/datanode-{number}",
        "dfs.datanode.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}')}",
        "dfs.datanode.http.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}_http')}",
        "dfs.datanode.ipc.address": f"127.0.0.1:{getattr(ports, f'datanode_{number}_ipc')}",
        "dfs.datanode.hostname": "127.0.0.1",
        "dfs.datanode.du.reserved": 0,
    }


def yarn(home: Home) -> dict[str, object]:
    """Settings of the ResourceManager and of every client of YARN."""
    ports = home.ports
    return {
        "yarn.resourcemanager.hostname": "127.0.0.1",
        "yarn.resourcemanager.address": f"127.0.0.1:{ports.yarn}",
        "yarn.resourcemanager.scheduler.address": f"127.0.0.1:{ports.yarn_scheduler}",
        "yarn.resourcemanager.resource-tracker.address": f"127.0.0.1:{ports.yarn_tracker}",
        "yarn.resourcemanager.admin.address": f"127.0.0.1:{ports.yarn_admin}",
        "yarn.resourcemanager.webapp.address": f"127.0.0.1:{ports.yarn_http}",
        "yarn.resourcemanager.scheduler.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"
        ),
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": f"file://{home.data}/resourcemanager",
        "yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": 2000,
        "yarn.resourcemanager.max-completed-applications": 200,
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 1000,
        "yarn.nm.liveness-monitor.expiry-interval-ms": 60000,
        "yarn.am.liveness-monitor.expiry-interval-ms": 60000,
        "yarn.scheduler.minimum-allocation-mb": 256,
        "yarn.acl.enable": "false",
        "yarn.webapp.ui2.enable": "false",
        "yarn.timeline-service.enabled": "false",
    }


def nodemanager(home: Home, number: int) -> dict[str, object]:
    """What one server has beyond the settings that all share."""
    ports = home.ports
    return {
        "yarn.nodemanager.hostname": "127.0.0.1",
        "yarn.nodemanager.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}')}",
        "yarn.nodemanager.localizer.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}_localizer')}",
        "yarn.nodemanager.webapp.address": f"127.0.0.1:{getattr(ports, f'nodemanager_{number}_http')}",
        "yarn.nodemanager.local-dirs": home.data / f"nodemanager-{number}" / "local",
        "yarn.nodemanager.log-dirs": home.data / f"nodemanager-{number}" / "logs",
        "yarn.nodemanager.log.retain-seconds": 7 * 24 * 3600,
        "yarn.nodemanager.resource.memory-mb": home.profile.containers_memory,
        "yarn.nodemanager.resource.cpu-vcores": 16,
        "yarn.nodemanager.aux-services": "",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
        "yarn.nodemanager.recovery.enabled": "true",
        # Supervised: a NodeManager that stops leaves its containers running for its successor.
        "yarn.nodemanager.recovery.supervised": "true",
        "yarn.nodemanager.recovery.dir": home.data / f"nodemanager-{number}" / "recovery",
    }


def _write_folder(home: Home, folder: str, hdfs_site: Mapping[str, object], yarn_site: Mapping[str, object]) -> None:
    core_site = {
        "fs.defaultFS": home.endpoints.hdfs,
        "hadoop.tmp.dir": home.data / "hadoop-tmp",
        "hadoop.http.staticuser.user": "nobody",
        "ipc.client.connect.max.retries.on.timeouts": 3,
    }
    for name, site in (("core-site", core_site), ("hdfs-site", hdfs_site), ("yarn-site", yarn_site)):
        home.write_private(f"{folder}/{name}.xml", _site(site))
    home.write_private(f"{folder}/log4j.properties", _LOG4J)


def _site(settings: Mapping[str, object]) -> str:
    root = ElementTree.Element("configuration")
    for name, value in settings.items():
        entry = ElementTree.SubElement(root, "property")
        ElementTree.SubElement(entry, "name").text = name
        ElementTree.SubElement(entry, "value").text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
