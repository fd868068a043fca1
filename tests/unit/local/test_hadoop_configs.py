"""The configuration folders of HDFS and YARN."""

from xml.etree import ElementTree

from soh.local import hadoop_configs


def test_yarn_goes_on_where_it_was_after_a_restart_of_its_servers(home):
    assert hadoop_configs.yarn(home)["yarn.resourcemanager.recovery.enabled"] == "true"
    node = hadoop_configs.nodemanager(home, 1)
    assert node["yarn.nodemanager.recovery.enabled"] == node["yarn.nodemanager.recovery.supervised"] == "true"
    assert str(node["yarn.nodemanager.address"]).endswith(str(home.ports.nodemanager_1))


def test_hadoop_files_are_xml_that_says_what_the_functions_say(home):
    hadoop_configs.write(home)
    path = home.conf / "nodemanager-2" / "yarn-site.xml"
    entries = ElementTree.parse(path).iter("property")
    found = {entry.findtext("name"): entry.findtext("value") or "" for entry in entries}
    wanted = {**hadoop_configs.yarn(home), **hadoop_configs.nodemanager(home, 2)}
    assert found == {name: str(value) for name, value in wanted.items()}
