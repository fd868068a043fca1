"""The sensors: a virtual fleet of power facilities, and the replay of a real test rig, sent to Kafka."""
